"""Doubt about a patient's mask, 0..1, that needs no reference: how bad the model itself thinks the mask may be."""

from __future__ import annotations

import numpy as np

from components.metrics.mask_scores import dice


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


def doubt(probability: np.ndarray, mask: np.ndarray) -> float:
    """1 - `expected_dice`: 0 is sure, 1 is lost."""
    return 1 - expected_dice(probability, mask)


def disagreement(mask: np.ndarray, other: np.ndarray) -> float:
    """1 - Dice of two predictions of a patient, say of the scan and its mirror image, 0..1; 0 where both are empty."""
    return 1 - dice(mask, other)
