"""Doubt about a patient's mask, 0..1, without a reference: how bad the model itself expects the mask to be."""

from __future__ import annotations

import numpy as np


def expected_dice(probability: np.ndarray, mask: np.ndarray) -> float:
    """Expected Dice of the mask if every voxel were tumour with its predicted probability, 0..1.

    2 sum(p m) / (sum p + sum m). The expectation of a ratio is replaced by the ratio of expectations, which is close
    when the sums are large; it trusts the probabilities, so calibrate them first (see `temperature`), and it can't see
    a tumour to which the model assigns no probability at all.

    Args:
        probability: 0..1, any shape.
        mask: bool, the same shape: the mask predicted from it.

    Returns:
        1 if the mask and the probabilities are all empty; 0 if only the mask is, however small the probabilities: an
        empty mask of a patient who was referred for a tumour is the first thing to look at.

    Raises:
        ValueError: the shapes differ.
    """
    if probability.shape != mask.shape:
        raise ValueError(f"probabilities {probability.shape} and mask {mask.shape} differ in shape")
    total = float(probability.sum(dtype=float)) + int(mask.sum())
    return 2 * float(probability[mask].sum(dtype=float)) / total if total else 1.0
