"""Scores of many patients in a few numbers, with every patient weighted equally."""

from __future__ import annotations

import numpy as np
import pytest

from components.metrics.mask_scores import patient_scores
from components.metrics.patient_summary import summarise_patients

SPACING = (1.0, 1.0, 1.0)


def square(side, size=10):
    mask = np.zeros((1, size, size), bool)
    mask[0, :side, :side] = True
    return mask


def scores(reference, prediction):
    return patient_scores(square(reference), square(prediction), SPACING)


def test_patients_are_weighted_equally_and_missed_ones_count():
    summary = summarise_patients([scores(4, 4), scores(9, 0), scores(0, 0)])
    assert summary["patients"] == 3
    assert summary["tumor_patients"] == 2
    assert summary["missed_patients"] == 1
    assert summary["volume_dice_mean"] == summary["volume_dice_median"] == 0.5
    assert summary["volume_dice_p10"] == pytest.approx(0.1)
    assert summary["volume_dice_floor"] == 0
    assert summary["volume_error_abs_mean"] == 0.5
    assert summary["volume_error_mean"] == -0.5
    assert summary["hd95_mm_median"] == 0  # over the one found tumour only, so flattering
    assert summary["hd95_mm_missed_as_diagonal_median"] == pytest.approx(np.sqrt(201) / 2)
    assert summary["hd95_mm_missed_as_diagonal"] == pytest.approx(np.sqrt(201) / 2)
    assert summary["hd95_mm_floor"] == pytest.approx(np.sqrt(201))
    assert summary["all_slice_dice_floor"] == pytest.approx(1 / 3)
    assert summary["volume_dice_mean_low95"] == 0 <= summary["volume_dice_mean_high95"] <= 1
    assert "only 2 patients" in summary["volume_dice_note"]


def test_over_and_under_segmentation_cancel_only_in_the_bias():
    summary = summarise_patients([scores(4, 0), scores(3, 3), scores(5, 5), scores(2, 4)])
    assert summary["volume_error_mean"] == pytest.approx((-1 + 3) / 4)
    assert summary["volume_error_abs_mean"] == 1


def test_detection_counts_lesions_and_patients():
    elsewhere = np.zeros((1, 10, 10), bool)
    elsewhere[0, 8:, 8:] = True
    both = square(4) | elsewhere
    summary = summarise_patients(
        [
            patient_scores(both, square(4), SPACING),
            patient_scores(square(3), elsewhere, SPACING),  # a mask, but not on the tumour
            scores(0, 2),
            scores(0, 0),
        ]
    )
    assert (summary["missed_patients"], summary["alarmed_patients"]) == (1, 1)
    assert (summary["lesions"], summary["lesion_sensitivity"]) == (3, pytest.approx(1 / 3))
    assert summary["false_lesions_per_patient"] == 2 / 4
    assert summary["smallest_found_ml"] == pytest.approx(0.016)
    assert summary["largest_missed_ml"] == pytest.approx(0.009)


@pytest.mark.parametrize("patients", [[], [scores(0, 0)], [scores(0, 3)]])
def test_without_a_tumour_there_are_no_tumour_scores(patients):
    summary = summarise_patients(patients)
    for name, value in summary.items():
        if name.startswith(("volume_dice_m", "volume_dice_p", "hd95", "volume_error", "tumor_slice")):
            assert value is None, name
    assert summary["tumor_patients"] == summary["missed_patients"] == 0
    assert "too few patients" in summary["volume_dice_note"]


def test_intervals_contain_their_statistics_and_repeat_with_the_seed():
    many = [scores(9, side) for side in (9, 9, 9, 8, 8, 8, 7, 7, 6, 5, 9, 8, 9, 8, 3, 9, 9, 9, 8, 7, 0)]
    summary = summarise_patients(many, seed=3)
    for name in ("mean", "median", "p10"):
        low, high = summary[f"volume_dice_{name}_low95"], summary[f"volume_dice_{name}_high95"]
        assert 0 <= low < summary[f"volume_dice_{name}"] < high <= 1
    assert summary == summarise_patients(many, seed=3) != summarise_patients(many, seed=4)
    assert summary["volume_dice_note"] == ""
