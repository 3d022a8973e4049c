"""Does a probability mean what it says? Reliability tables, and the expected calibration error (ECE) from them.

ECE is the mean distance between predicted probability and observed frequency over bins, weighted by the number of
samples in each (Guo 2017, equation 3). Two traps: a model that always predicts the overall proportion of positives has
an ECE of 0 and knows nothing, so read it with AUROC; and a perfectly calibrated one has an ECE above 0 on any finite
sample, see `ece_if_calibrated`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

BINS = 15


@dataclass(frozen=True, eq=False)
class Tally:
    """Distinct probabilities, ascending, with how often each was predicted and came true; each float [distinct]."""

    probability: np.ndarray
    count: np.ndarray
    positives: np.ndarray


def tally(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> Tally:
    """Count probabilities 0..1 [n] and labels {0, 1} [n], each sample counting once or by its weight."""
    probabilities, labels = np.asarray(probabilities, float), np.asarray(labels, bool)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    distinct, at = np.unique(probabilities, return_inverse=True)
    size = len(distinct)
    return Tally(distinct, np.bincount(at, weights, size), np.bincount(at, weights * labels, size))


def reliability(
    probabilities: np.ndarray,
    labels: np.ndarray,
    bins: int = BINS,
    *,
    weights: np.ndarray | None = None,
    by: str = "mass",
) -> pd.DataFrame:
    """Predicted against observed, bin by bin.

    Args:
        probabilities, labels: 0..1 and {0, 1}, each [n].
        by: "mass", bins with as equal numbers of samples as ties allow. Slice probabilities crowd at 0 and 1; bins of
            equal width would hold a handful of samples in between, whose frequencies are noise (Nixon 2019, Roelofs
            2022). "width", bins of equal width, for histograms of pixels: with mass bins, all but one would lie at 0.

    Returns:
        One row per non-empty bin, ascending: low, high (of the probabilities in it), count, mean_probability,
        observed_frequency. No rows without samples.
    """
    return table_of(tally(probabilities, labels, weights), bins, by)


def table_of(counted: Tally, bins: int = BINS, by: str = "mass") -> pd.DataFrame:
    """`reliability` of tallied samples."""
    counted = Tally(*(column[counted.count > 0] for column in (counted.probability, counted.count, counted.positives)))
    # Probabilities ascend, so bin numbers do too, and each bin starts where its number first appears.
    used, first, at = np.unique(bin_numbers(counted, bins, by), return_index=True, return_inverse=True)
    count = np.bincount(at, counted.count, len(used))
    return pd.DataFrame(
        {
            "low": counted.probability[first],
            "high": counted.probability[np.cumsum(np.bincount(at)) - 1],
            "count": count,
            "mean_probability": np.bincount(at, counted.probability * counted.count, len(used)) / count,
            "observed_frequency": np.bincount(at, counted.positives, len(used)) / count,
        }
    )


def bin_numbers(counted: Tally, bins: int, by: str) -> np.ndarray:
    """Bin of each distinct probability, int [distinct], from 0; a tie never straddles two."""
    if by == "mass":
        # Position of the middle of each tie among all samples, 0..1.
        place = (np.cumsum(counted.count) - counted.count / 2) / max(counted.count.sum(), 1e-300)
    elif by == "width":
        place = counted.probability
    else:
        raise ValueError(f'bins go by "mass" or "width", not by "{by}"')
    return np.clip((place * bins).astype(int), 0, bins - 1)


def ece(table: pd.DataFrame) -> float | None:
    """Expected calibration error, 0..1, of a table of `reliability`; None if it has no rows.

    A model that predicts 0 everywhere scores the proportion of positives: excellent on pixels, of which 1 % are tumour.
    """
    if table.empty:
        return None
    gap = (table["mean_probability"] - table["observed_frequency"]).abs()
    return float(np.average(gap, weights=table["count"]))


def ece_if_calibrated(probabilities: np.ndarray, bins: int = BINS, *, seed: int = 0, draws: int = 100) -> float | None:
    """Mean ECE of labels drawn from the probabilities themselves: what chance alone gives a calibrated model.

    It is a lower bound, because slices of one patient resemble each other. None without samples.
    """
    if not len(probabilities):
        return None
    counted = tally(probabilities, np.zeros(len(probabilities)))
    chance = np.random.default_rng(seed).binomial(
        counted.count.astype(int), counted.probability, (draws, len(counted.count))
    )
    within = np.eye(bins)[bin_numbers(counted, bins, "mass")]
    gaps = np.abs((chance - counted.probability * counted.count) @ within)
    return float(gaps.sum(axis=1).mean() / len(probabilities))
