"""Doubt about a patient's mask, 0..1, that needs no reference: how bad the model itself thinks the mask may be."""

from __future__ import annotations

import numpy as np


def expected_dice(probability: np.ndarray, mask: np.ndarray) -> float:
    """Dice that the mask would have if every voxel were tumour with its probability, 0..1.

    2 sum(p m) / (sum p + sum m). The expectation of a ratio is replaced by the ratio of expectations, which is close
    where the sums are large; it trusts the probabilities, so calibrate them first (see `temperature`), and it can't
    see a tumour to which the model gives no probability at all.

    Args:
        probability: 0..1, any shape.
        mask: bool, the same shape: what was predicted from it.

    Returns:
        1 where the mask and the probabilities are all empty; 0 where only the mask is, however little probability
        there is: an empty mask of a patient who was sent for a tumour is the first thing to look at.

    Raises:
        ValueError: the shapes differ.
    """
    if probability.shape != mask.shape:
        raise ValueError(f"probabilities {probability.shape} and mask {mask.shape} differ in shape")
    total = float(probability.sum(dtype=float)) + int(mask.sum())
    return 2 * float(probability[mask].sum(dtype=float)) / total if total else 1.0
