"""Candidate against champion on the same patients: is it no worse than by a margin?

The test flips signs: were the candidate worse by exactly the margin, and deviations from that as likely up as down,
then each patient's difference plus the margin could as well have had the other sign. The p-value is the share of all
sign patterns whose mean is at least the one seen (Fisher 1935; exact up to 13 patients, else drawn with a seed). It
needs no normal distribution and no large sample; a bootstrap alone would be too sure of itself with few patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from components.evaluation.intervals import ends, few

# With 4 patients no result can reach 5 %: 2 ** -4 = 0.0625.
FEWEST = 5
EXACT_UP_TO = 13
PATTERNS = 2**EXACT_UP_TO


@dataclass(frozen=True)
class Paired:
    """Candidate less champion, over patients.

    Attributes:
        patients: how many were compared.
        mean: of the differences; above 0 the candidate is better (for metrics of which more is better).
        low95, high95: two-sided 95 % interval, bootstrap over patients (BCa); None below two patients.
        low95_one_sided: the candidate is worse than this with a probability of 5 %; None below two patients.
        margin: what it may be worse by.
        p_value: of "worse by the margin or more"; small speaks for the candidate. None below five patients.
        test: "exact", "monte carlo" or "too few patients".
        note: why there is no p-value or why to mistrust the intervals; "" where all is well.
    """

    patients: int
    mean: float | None
    low95: float | None
    high95: float | None
    low95_one_sided: float | None
    margin: float
    p_value: float | None
    test: str
    note: str

    @property
    def not_inferior(self) -> bool:
        """Whether the test at 5 % finds the candidate no worse than by the margin; False where it can't tell."""
        return self.p_value is not None and self.p_value <= 0.05


def paired_difference(
    candidate: Mapping[str, float], champion: Mapping[str, float], *, margin: float, seed: int
) -> Paired:
    """Compare two models patient by patient, by a metric of which more is better.

    Args:
        candidate, champion: patient to score, the same patients in both.
        margin: 0 or more; at 0 the test asks whether the candidate is better.

    Raises:
        ValueError: the patients differ, a score is not finite, or the margin is negative.
    """
    if set(candidate) != set(champion):
        odd = sorted(set(candidate) ^ set(champion))
        raise ValueError(f"candidate and champion were not scored on the same patients: {', '.join(odd[:3])}")
    if not margin >= 0:
        raise ValueError(f"the margin is {margin}; it can't be negative")
    # Sorted, so that the order in which patients come can't change a drawn number.
    difference = np.array([float(candidate[name]) - float(champion[name]) for name in sorted(candidate)])
    if not np.isfinite(difference).all():
        raise ValueError("a score is not a finite number")
    count = len(difference)
    mean = float(difference.mean()) if count else None
    if count < 2:
        return Paired(count, mean, None, None, None, margin, None, "too few patients", f"too few patients: {count}")
    low, high = ends(difference, "mean", 0.95, seed)
    lowest, _ = ends(difference, "mean", 0.90, seed)
    if count < FEWEST:
        note = f"too few patients: with {count}, no result can be told from chance at 5 %"
        return Paired(count, mean, low, high, lowest, margin, None, "too few patients", note)
    test = "exact" if count <= EXACT_UP_TO else "monte carlo"
    p_value = sign_flip_p(difference + margin, seed)
    return Paired(count, mean, low, high, lowest, margin, p_value, test, few(count))


def sign_flip_p(values: np.ndarray, seed: int) -> float:
    """Share of sign patterns whose mean reaches that of the values; exact up to `EXACT_UP_TO` of them."""
    result = stats.permutation_test(
        (values,),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        n_resamples=PATTERNS,
        vectorized=True,
        random_state=np.random.default_rng(seed),
    )
    return float(result.pvalue)
