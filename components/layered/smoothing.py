"""Stage 1 along a scan: its output for a slice, combined with its outputs for the slices beside it.

A tumour spans slices, so a lone positive slice is rarely right, and neither is a lone negative one. The logits are
averaged with Gaussian weights; beyond the ends, the end slices are repeated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import expit

from components.layered.record import stage1_threshold
from components.metrics.temperature import apply_temperature, logits

SIGMAS = (0.0, 0.5, 1.0, 1.5)  # standard deviations to choose from, in slices; the first changes nothing
# Before they are averaged, probabilities are clipped to this and to 1 minus this: otherwise the last bit of a float32
# near 1, which differs between runtimes, would affect the neighbouring slices.
MIN_PROBABILITY = 1e-3


def smoothed(probability: np.ndarray, sigma: float) -> np.ndarray:
    """Average calibrated probabilities, 0..1 [slices], as logits along a scan with a Gaussian of `sigma` slices.

    Returns:
        float32 [slices]; the probabilities as they are if sigma is 0.
    """
    if not sigma:
        return probability
    alone = logits(np.clip(probability, MIN_PROBABILITY, 1 - MIN_PROBABILITY))
    return expit(ndimage.gaussian_filter1d(alone, sigma, mode="nearest")).astype(np.float32)


def stage1(probability: np.ndarray, record: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Decide which slices of a scan show tumour.

    Args:
        probability: calibrated, of every slice by itself, 0..1 [slices].
        record: content of layered.json.

    Returns:
        The probability to report of every slice, 0..1 [slices], and whether it passes, bool [slices].
    """
    if rule := record.get("tumor_smoothing"):
        along = smoothed(probability, rule["sigma"])
        probability = apply_temperature(along, rule["temperature"]).astype(np.float32)
    return probability, probability >= stage1_threshold(record)
