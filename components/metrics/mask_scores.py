"""Metrics of one patient's mask. Each name says how empty masks count; each comes with its floor.

Masks are bool arrays [slices, height, width] of one patient. The floor of a metric is the score of a model that finds
nothing: pixel-wise metrics look excellent there, because 99 % of the pixels are background.
"""

from __future__ import annotations

import numpy as np

from components.metrics.lesions import lesion_scores
from components.metrics.surface import Spacing, diagonal_mm, hd95_mm

Scores = dict[str, float | int | None]


def dice(reference: np.ndarray, prediction: np.ndarray) -> float:
    """2 |A and B| / (|A| + |B|) over all voxels, 0..1; 1 if both are empty, 0 if only one is."""
    total = int(reference.sum()) + int(prediction.sum())
    return 2 * int((reference & prediction).sum()) / total if total else 1.0


def dice_per_slice(reference: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """`dice` of every slice, 0..1 [slices]; 1 if both are empty, 0 if only one is."""
    both = (reference & prediction).sum(axis=(1, 2))
    total = reference.sum(axis=(1, 2)) + prediction.sum(axis=(1, 2))
    return np.where(total > 0, 2 * both / np.maximum(total, 1), 1.0)


def patient_scores(reference: np.ndarray, prediction: np.ndarray, spacing: Spacing) -> Scores:
    """Scores of one patient.

    Args:
        reference, prediction: bool [slices, height, width].
        spacing: millimetres between (slices, rows, columns). Images without a geometry (kaggle_3m) count as 1 mm per
            step, and their mm and ml are steps and thousands of voxels.

    Returns:
        volume_dice: over all voxels; None if the reference is empty, because there is no tumour to find.
        tumor_slice_dice: mean over the slices whose reference is not empty; None if there are none.
        all_slice_dice_empty_as_1: mean over all slices, an empty mask for an empty reference counting 1.
        all_slice_dice_floor: the same for a model that finds nothing.
        false_positive_pixels_per_empty_slice: predicted pixels, mean over the slices whose reference is empty; None if
            there are none.
        hd95_mm: see `surface`; None if the reference or the prediction is empty. By itself it flatters a model that
            misses hard patients.
        hd95_mm_missed_as_diagonal: the same, with the volume's diagonal if the prediction is empty and the reference is
            not; None if the reference is empty.
        hd95_mm_floor: that diagonal; None if the reference is empty.
        volume_error: (predicted - reference) / reference, -1 or more; None if the reference is empty.
        reference_ml, predicted_ml, reference_voxels, predicted_voxels: sizes; 0 if empty.
        And all of `lesions.lesion_scores`.

    Raises:
        ValueError: the shapes differ.
    """
    if reference.shape != prediction.shape:
        raise ValueError(f"masks of shapes {reference.shape} and {prediction.shape} can't be compared")
    per_slice = dice_per_slice(reference, prediction)
    with_tumor = reference.any(axis=(1, 2))
    voxels, found = int(reference.sum()), int(prediction.sum())
    distance = hd95_mm(reference, prediction, spacing)
    diagonal = diagonal_mm(reference.shape, spacing) if voxels else None
    ml = float(np.prod(spacing)) / 1000
    return {
        "volume_dice": dice(reference, prediction) if voxels else None,
        "tumor_slice_dice": _mean(per_slice[with_tumor]),
        "all_slice_dice_empty_as_1": _mean(per_slice),
        "all_slice_dice_floor": _mean(~with_tumor),
        "false_positive_pixels_per_empty_slice": _mean(prediction[~with_tumor].sum(axis=(1, 2))),
        "hd95_mm": distance,
        "hd95_mm_missed_as_diagonal": diagonal if distance is None else distance,
        "hd95_mm_floor": diagonal,
        "volume_error": (found - voxels) / voxels if voxels else None,
        "reference_ml": voxels * ml,
        "predicted_ml": found * ml,
        "reference_voxels": voxels,
        "predicted_voxels": found,
        **lesion_scores(reference, prediction, spacing),
    }


def _mean(values: np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None
