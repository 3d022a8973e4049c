"""Scores of one patient's mask, with their floors and the cases of empty masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from components.metrics.mask_scores import dice, dice_per_slice, patient_scores
from components.metrics.surface import diagonal_mm

masks = arrays(bool, (3, 4, 5))
SPACING = (5.0, 1.0, 2.0)


@settings(deadline=None)
@given(masks, masks)
def test_dice_is_the_f1_score_of_voxels(reference, prediction):
    assert dice(reference, prediction) == pytest.approx(
        f1_score(reference.ravel(), prediction.ravel(), zero_division=1.0)
    )
    assert dice_per_slice(reference, prediction) == pytest.approx(
        [dice(r, p) for r, p in zip(reference, prediction, strict=True)]
    )


def square(top, side, size=10, slices=1):
    mask = np.zeros((slices, size, size), bool)
    mask[0, top : top + side, :side] = True
    return mask


def test_scores_of_shifted_squares_match_hand_calculation():
    reference = np.concatenate([square(0, 4), np.zeros((1, 10, 10), bool)])
    prediction = np.concatenate([square(2, 4), square(0, 3)])
    scores = patient_scores(reference, prediction, SPACING)
    assert scores["volume_dice"] == pytest.approx(2 * 8 / (16 + 16 + 9))
    assert scores["tumor_slice_dice"] == pytest.approx(0.5)
    assert scores["all_slice_dice_empty_as_1"] == pytest.approx((0.5 + 0) / 2)
    assert scores["all_slice_dice_floor"] == 0.5
    assert scores["false_positive_pixels_per_empty_slice"] == 9
    assert scores["volume_error"] == pytest.approx(9 / 16)
    assert (scores["reference_voxels"], scores["predicted_voxels"]) == (16, 25)
    assert (scores["reference_ml"], scores["predicted_ml"]) == (pytest.approx(0.16), pytest.approx(0.25))
    # Of the 25 predicted voxels, 9 are one slice of 5 mm away, and none is farther.
    assert scores["hd95_mm"] == scores["hd95_mm_missed_as_diagonal"] == 5


@settings(deadline=None)
@given(masks)
def test_finding_nothing_scores_exactly_the_floors(reference):
    scores = patient_scores(reference, np.zeros_like(reference), SPACING)
    with_tumor = reference.any(axis=(1, 2))
    diagonal = diagonal_mm((3, 4, 5), SPACING)
    floors = {
        "volume_dice": 0,
        "tumor_slice_dice": 0,
        "volume_error": -1,
        "hd95_mm_missed_as_diagonal": diagonal,
        "hd95_mm_floor": diagonal,
    }
    expected = {
        **(floors if with_tumor.any() else dict.fromkeys(floors)),
        "false_positive_pixels_per_empty_slice": None if with_tumor.all() else 0,
        "all_slice_dice_empty_as_1": np.mean(~with_tumor),
        "all_slice_dice_floor": np.mean(~with_tumor),
        "hd95_mm": None,
        "predicted_ml": 0,
        "predicted_voxels": 0,
    }
    assert {name: scores[name] for name in expected} == expected
    assert diagonal > 15


@settings(deadline=None)
@given(masks, masks)
def test_a_perfect_mask_scores_best(reference, prediction):
    best, other = patient_scores(reference, reference, SPACING), patient_scores(reference, prediction, SPACING)
    assert best["all_slice_dice_empty_as_1"] == 1
    for name in ("volume_dice", "tumor_slice_dice", "all_slice_dice_empty_as_1"):
        if best[name] is not None:
            assert best[name] == 1 >= other[name] >= 0
    if reference.any():
        assert best["hd95_mm"] == best["volume_error"] == 0 <= other["hd95_mm_missed_as_diagonal"]
        assert other["hd95_mm_missed_as_diagonal"] <= other["hd95_mm_floor"]


def test_the_floor_over_all_slices_counts_empty_ones():
    reference = np.concatenate([square(0, 4), np.zeros((3, 10, 10), bool)])
    assert patient_scores(reference, np.zeros_like(reference), SPACING)["all_slice_dice_empty_as_1"] == 0.75


def test_a_patient_without_tumour_has_no_volume_dice():
    empty = np.zeros((2, 4, 4), bool)
    scores = patient_scores(empty, square(0, 2, 4, 2), SPACING)
    for name in ("volume_dice", "tumor_slice_dice", "volume_error", "hd95_mm", "hd95_mm_missed_as_diagonal"):
        assert scores[name] is None
    assert scores["all_slice_dice_empty_as_1"] == 0.5
    assert scores["false_positive_pixels_per_empty_slice"] == 2


def test_a_patient_with_tumour_everywhere_has_no_empty_slice():
    assert patient_scores(square(0, 2), square(0, 2), SPACING)["false_positive_pixels_per_empty_slice"] is None


def test_masks_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        patient_scores(square(0, 2, slices=3), square(0, 0), SPACING)  # numpy would broadcast the single slice
    with pytest.raises(ValueError, match="shapes"):
        patient_scores(square(0, 0), square(0, 2, slices=3), SPACING)
