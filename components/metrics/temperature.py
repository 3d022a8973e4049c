"""Temperature scaling: one number that makes probabilities as confident as they should be.

A logit is divided by T: above 1 softens, below 1 sharpens, and 0.5 stays 0.5 (Guo 2017, arXiv 1706.04599, section 4.2).
The order of probabilities stays, so AUROC does too, and a threshold t moves to `apply_temperature(t, T)`. One number
can't correct a wrong proportion of positives.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

# A fit beyond these limits shows that the data were insufficient, not how confident to be.
RANGE = (0.1, 10.0)
# Beyond this, float32 rounds a probability to exactly 1; a logit must stay finite.
SMALLEST = 1e-7


def logits(probabilities: np.ndarray | float) -> np.ndarray:
    """Log odds of probabilities 0..1, within -16.1 to 16.1."""
    return logit(np.clip(np.asarray(probabilities, float), SMALLEST, 1 - SMALLEST))


def apply_temperature(probabilities: np.ndarray | float, temperature: float) -> np.ndarray:
    """Probabilities 0..1, any shape, with their logits divided by the temperature."""
    return expit(logits(probabilities) / temperature)


def nll(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None, temperature: float = 1.0
) -> float:
    """Mean negative log-likelihood (natural logarithm) of labels {0, 1} [n] after scaling; 0 or more."""
    towards = np.where(np.asarray(labels, bool), 1.0, -1.0) * logits(probabilities)
    return float(np.average(np.logaddexp(0.0, -towards / temperature), weights=weights))


def temperature(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Temperature within `RANGE` that minimises the negative log-likelihood.

    Args:
        probabilities: 0..1 [n], from a sigmoid; of validation patients, never of those that are then reported.
        labels: {0, 1} [n].
        weights: weight of each sample [n]; None weighs them equally.

    Returns:
        1, which changes nothing, if the samples can't determine it: a class is missing, or every sample lies on the
        right side of 0.5, so that sharper always looks better.
    """
    probabilities, labels = np.asarray(probabilities, float), np.asarray(labels, bool)
    if weights is not None:
        counted = np.asarray(weights) > 0
        probabilities, labels, weights = probabilities[counted], labels[counted], np.asarray(weights)[counted]
    if not labels.any() or labels.all():
        return 1.0
    if probabilities[labels].min() >= 0.5 >= probabilities[~labels].max():
        return 1.0
    from scipy.optimize import minimize_scalar  # slow, and applying a temperature needs none of it

    # The loss is convex in 1 / T, so it also has a single valley in log T.
    found = minimize_scalar(
        lambda log_t: nll(probabilities, labels, weights, float(np.exp(log_t))),
        bounds=np.log(RANGE),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))
