"""Metrics of masks and of the slice classifier. Each name says how empties count; each comes with its floor.

Masks are bool arrays [slices, height, width] of one patient. The floor of a metric is what a model that finds
nothing scores: pixel-wise metrics look excellent there, because 99 % of the pixels are background.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve


def dice(reference: np.ndarray, prediction: np.ndarray) -> float:
    """2 |A and B| / (|A| + |B|) over all voxels, 0..1; 1 where both are empty, 0 where only one is."""
    total = int(reference.sum()) + int(prediction.sum())
    return 2 * int((reference & prediction).sum()) / total if total else 1.0


def patient_scores(reference: np.ndarray, prediction: np.ndarray) -> dict[str, float | int | None]:
    """Scores of one patient.

    Returns:
        volume_dice: over all voxels; None where the reference is empty, because there is no tumour to find.
        tumor_slice_dice: mean over the slices whose reference is not empty; None where there are none.
        all_slice_dice_empty_as_1: mean over all slices, an empty mask for an empty reference counting 1.
        all_slice_dice_floor: the same of a model that finds nothing.
        false_positive_pixels_per_empty_slice: predicted pixels, mean over the slices whose reference is empty.
        volume_error: (predicted - reference) / reference voxels; None where the reference is empty.
        reference_voxels, predicted_voxels: counts.
    """
    per_slice = [dice(r, p) for r, p in zip(reference, prediction, strict=True)]
    with_tumor = reference.any(axis=(1, 2))
    voxels, found = int(reference.sum()), int(prediction.sum())
    return {
        "volume_dice": dice(reference, prediction) if voxels else None,
        "tumor_slice_dice": _mean([d for d, t in zip(per_slice, with_tumor, strict=True) if t]),
        "all_slice_dice_empty_as_1": float(np.mean(per_slice)),
        "all_slice_dice_floor": float((~with_tumor).mean()),
        "false_positive_pixels_per_empty_slice": _mean(prediction[~with_tumor].sum(axis=(1, 2)).tolist()),
        "volume_error": (found - voxels) / voxels if voxels else None,
        "reference_voxels": voxels,
        "predicted_voxels": found,
    }


def summarise_patients(scores: Sequence[dict[str, float | int | None]], seed: int = 0) -> dict[str, float | int | None]:
    """Pool patients, each weighing the same: volume Dice with its spread and a 95 % interval, means of the rest."""
    volume = [float(s["volume_dice"]) for s in scores if s["volume_dice"] is not None]
    low, high = bootstrap_interval(volume, seed)
    return {
        "patients": len(scores),
        "volume_dice_mean": _mean(volume),
        "volume_dice_median": float(np.median(volume)) if volume else None,
        "volume_dice_p10": float(np.percentile(volume, 10)) if volume else None,
        "volume_dice_mean_low95": low,
        "volume_dice_mean_high95": high,
        "volume_dice_floor": 0.0,
        **{
            name: _mean([s[name] for s in scores if s[name] is not None])
            for name in (
                "tumor_slice_dice",
                "all_slice_dice_empty_as_1",
                "all_slice_dice_floor",
                "false_positive_pixels_per_empty_slice",
            )
        },
        "volume_error_abs_mean": _mean([abs(s["volume_error"]) for s in scores if s["volume_error"] is not None]),
    }


def bootstrap_interval(values: Sequence[float], seed: int, draws: int = 2000) -> tuple[float | None, float | None]:
    """95 % percentile interval of the mean, resampling patients (Efron 1979); (None, None) below two of them."""
    if len(values) < 2:
        return None, None
    rng = np.random.default_rng(seed)
    means = rng.choice(np.asarray(values), (draws, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def classifier_scores(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, float | int | None]:
    """Scores of the slice classifier.

    Args:
        labels: {0, 1} [slices].
        probabilities: 0..1 [slices].
        threshold: positive at this probability or more.

    Returns:
        auroc (floor 0.5), pr_auc (floor: share of positives), sensitivity and specificity at the threshold,
        sensitivity at 95 % specificity. None where one of the two classes is missing.
    """
    labels, positive = np.asarray(labels, bool), np.asarray(probabilities) >= threshold
    both = bool(labels.any() and not labels.all())
    return {
        "slices": len(labels),
        "auroc": float(roc_auc_score(labels, probabilities)) if both else None,
        "auroc_floor": 0.5,
        "pr_auc": float(average_precision_score(labels, probabilities)) if both else None,
        "pr_auc_floor": float(labels.mean()),
        "sensitivity": float(positive[labels].mean()) if labels.any() else None,
        "specificity": float((~positive[~labels]).mean()) if not labels.all() else None,
        "sensitivity_at_95_specificity": sensitivity_at(labels, probabilities, 0.95) if both else None,
        "threshold": float(threshold),
    }


def sensitivity_at(labels: np.ndarray, probabilities: np.ndarray, specificity: float) -> float:
    """Highest sensitivity of any threshold whose specificity is at least the given one."""
    false_positive_rate, true_positive_rate, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    return float(true_positive_rate[false_positive_rate <= 1 - specificity + 1e-12].max())


def _mean(values: Sequence[float | int | None]) -> float | None:
    return float(np.mean(np.asarray(values, float))) if len(values) else None
