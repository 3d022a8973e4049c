from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import confusion_matrix, f1_score

from components import scoring

masks = arrays(bool, (3, 4, 5))


@given(masks, masks)
def test_dice_is_the_f1_score_of_voxels(reference, prediction):
    expected = f1_score(reference.ravel(), prediction.ravel(), zero_division=1.0)
    assert scoring.dice(reference, prediction) == pytest.approx(expected)


def square(top, side, size=10, slices=1):
    mask = np.zeros((slices, size, size), bool)
    mask[0, top : top + side, :side] = True
    return mask


def test_scores_of_shifted_squares_by_hand():
    reference = np.concatenate([square(0, 4), np.zeros((1, 10, 10), bool)])
    prediction = np.concatenate([square(2, 4), square(0, 3)])
    scores = scoring.patient_scores(reference, prediction)
    assert scores["volume_dice"] == pytest.approx(2 * 8 / (16 + 16 + 9))
    assert scores["tumor_slice_dice"] == pytest.approx(0.5)
    assert scores["all_slice_dice_empty_as_1"] == pytest.approx((0.5 + 0) / 2)
    assert scores["all_slice_dice_floor"] == 0.5
    assert scores["false_positive_pixels_per_empty_slice"] == 9
    assert scores["volume_error"] == pytest.approx(9 / 16)


def test_finding_nothing_scores_exactly_the_floors():
    reference = np.concatenate([square(0, 4), np.zeros((3, 10, 10), bool)])
    scores = scoring.patient_scores(reference, np.zeros_like(reference))
    assert scores["volume_dice"] == scores["tumor_slice_dice"] == 0
    assert scores["all_slice_dice_empty_as_1"] == scores["all_slice_dice_floor"] == 0.75
    assert scores["volume_error"] == -1


def test_a_patient_without_tumour_has_no_volume_dice():
    empty = np.zeros((2, 4, 4), bool)
    scores = scoring.patient_scores(empty, empty)
    assert scores["volume_dice"] is None
    assert scores["volume_error"] is None
    assert scores["all_slice_dice_empty_as_1"] == 1
    summary = scoring.summarise_patients([scores])
    assert summary["volume_dice_mean"] is None
    assert summary["volume_dice_mean_low95"] is None


def test_the_summary_weighs_patients_alike():
    scores = [
        scoring.patient_scores(square(0, 4), square(0, 4)),
        scoring.patient_scores(square(0, 9), np.zeros((1, 10, 10), bool)),
    ]
    summary = scoring.summarise_patients(scores)
    assert summary["volume_dice_mean"] == 0.5
    assert summary["volume_error_abs_mean"] == 0.5
    assert summary["patients"] == 2


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_the_interval_holds_the_mean_and_repeats(values):
    low, high = scoring.bootstrap_interval(values, seed=1)
    assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12
    assert low - 1e-9 <= np.mean(values) <= high + 1e-9
    assert (low, high) == scoring.bootstrap_interval(values, seed=1)


def test_the_interval_narrows_with_more_patients():
    rng = np.random.default_rng(0)
    few, many = rng.uniform(size=10), rng.uniform(size=1000)
    narrow = np.diff(scoring.bootstrap_interval(many, 0))[0]
    assert narrow == pytest.approx(2 * 1.96 * many.std() / np.sqrt(1000), rel=0.1)
    assert narrow < np.diff(scoring.bootstrap_interval(few, 0))[0]


@given(arrays(bool, 30), arrays(float, 30, elements=st.floats(0, 1)), st.floats(0, 1))
def test_sensitivity_and_specificity_are_those_of_the_confusion_matrix(labels, probabilities, threshold):
    scores = scoring.classifier_scores(labels, probabilities, threshold)
    table = confusion_matrix(labels, probabilities >= threshold, labels=[False, True])
    (tn, fp), (fn, tp) = table
    assert scores["sensitivity"] == (pytest.approx(tp / (tp + fn)) if tp + fn else None)
    assert scores["specificity"] == (pytest.approx(tn / (tn + fp)) if tn + fp else None)
    if not (tp + fn and tn + fp):
        assert scores["auroc"] is None


def test_a_classifier_by_hand():
    labels = np.array([0] * 20 + [1] * 4, bool)
    probabilities = np.array([i / 20 for i in range(20)] + [0.99, 0.97, 0.93, 0.2])
    scores = scoring.classifier_scores(labels, probabilities, 0.96)
    assert scores["sensitivity"] == 0.5
    assert scores["specificity"] == 1
    assert scores["sensitivity_at_95_specificity"] == 0.75  # one of 20 negatives may lie above
    assert scores["auroc"] == pytest.approx((20 + 20 + 19 + 4.5) / 80)
    assert scores["pr_auc_floor"] == pytest.approx(4 / 24)


def test_chance_scores_its_floor():
    rng = np.random.default_rng(1)
    labels, probabilities = rng.random(20_000) < 0.3, rng.random(20_000)
    scores = scoring.classifier_scores(labels, probabilities, 0.5)
    assert scores["auroc"] == pytest.approx(scores["auroc_floor"], abs=0.02)
    assert scores["pr_auc"] == pytest.approx(scores["pr_auc_floor"], abs=0.02)
