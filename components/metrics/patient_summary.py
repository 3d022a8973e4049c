"""Many patients in a few numbers: each examination has the same weight, however large the tumour or long the scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.metrics.intervals import STATISTICS, interval
from components.metrics.mask_scores import Scores
from components.metrics.persons import persons_of

MEANS = (
    "tumor_slice_dice",
    "all_slice_dice_empty_as_1",
    "all_slice_dice_floor",
    "false_positive_pixels_per_empty_slice",
    "hd95_mm_missed_as_diagonal",
    "hd95_mm_floor",
)


def summarise_patients(scores: Sequence[Scores], seed: int = 0) -> dict[str, float | int | str | None]:
    """Pool the patients' `mask_scores.patient_scores`; a number is None if no patient has it.

    Args:
        scores: one row per examination. Its `patient`, if it has one, tells whose examination it is; a row without one
            counts as a person of its own.
        seed: seed of the bootstraps.

    Returns:
        patients: all scored examinations; tumor_patients: those with a tumour in the reference, over which most of the
            other numbers are taken; persons, tumor_persons: how many persons they are of.
        missed_patients: tumour patients whose prediction does not touch the tumour. alarmed_patients: tumour-free
        patients with a non-empty prediction. lesions, and lesion_sensitivity, the fraction of them that was found;
        false_lesions_per_patient; smallest_found_ml and largest_missed_ml of all patients (see `lesions`).
        volume_dice_mean, _median, _p10, each with _low95 and _high95 (see `intervals`), and volume_dice_floor, 0.
        volume_dice_note: why not to trust those intervals; "" if they are sound.
        hd95_mm_median: over the patients in whom neither mask is empty. hd95_mm_missed_as_diagonal_median, and the
        means of `MEANS`, under their own names.
        volume_error_mean: bias, above 0 if too much is predicted. volume_error_abs_mean: floor 1.
    """
    volume = column(scores, "volume_dice")
    persons = _persons(scores)
    with_tumor = persons[[s["volume_dice"] is not None for s in scores]] if len(scores) else persons
    found = {name: interval(volume, name, seed=seed, persons=with_tumor) for name in STATISTICS}
    error = column(scores, "volume_error")
    summary: dict[str, float | int | str | None] = {
        "patients": len(scores),
        "tumor_patients": len(volume),
        "persons": len(set(persons)),
        "tumor_persons": len(set(with_tumor)),
        "missed_patients": sum(s["volume_dice"] == 0 for s in scores),
        "alarmed_patients": sum(s["volume_dice"] is None and s["predicted_voxels"] != 0 for s in scores),
        **_detection(scores),
    }
    for name, one in found.items():
        summary[f"volume_dice_{name}"] = one.value
        summary[f"volume_dice_{name}_low95"] = one.low
        summary[f"volume_dice_{name}_high95"] = one.high
    return {
        **summary,
        "volume_dice_floor": 0.0,
        "volume_dice_note": found["mean"].note,
        **{name: _of(np.mean, column(scores, name)) for name in MEANS},
        "hd95_mm_median": _of(np.median, column(scores, "hd95_mm")),
        "hd95_mm_missed_as_diagonal_median": _of(np.median, column(scores, "hd95_mm_missed_as_diagonal")),
        "volume_error_mean": _of(np.mean, error),
        "volume_error_abs_mean": _of(np.mean, np.abs(error)),
    }


def _persons(scores: Sequence[Scores]) -> np.ndarray:
    """The person of each row; rows without a name are numbered."""
    if all("patient" in s for s in scores):
        return persons_of(str(s["patient"]) for s in scores)
    return np.arange(len(scores))


def _detection(scores: Sequence[Scores]) -> dict[str, float | int | None]:
    lesions, found, false = (int(column(scores, name).sum()) for name in ("lesions", "lesions_found", "false_lesions"))
    return {
        "lesions": lesions,
        "lesion_sensitivity": found / lesions if lesions else None,
        "false_lesions_per_patient": false / len(scores) if scores else None,
        "smallest_found_ml": _of(np.min, column(scores, "smallest_found_ml")),
        "largest_missed_ml": _of(np.max, column(scores, "largest_missed_ml")),
    }


def column(scores: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    """One score of all patients that have it, float [patients]."""
    return np.array([s[name] for s in scores if s[name] is not None], float)


def _of(function: Any, values: np.ndarray) -> float | None:
    return float(function(values)) if len(values) else None
