"""Scores of the slice classifier, compared with scikit-learn and hand calculation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import confusion_matrix, roc_auc_score

from components.metrics.slice_scores import auroc, by_patient, classifier_scores, summarise_slices


@settings(deadline=None)
@given(arrays(bool, 30), arrays(float, 30, elements=st.floats(0, 1)), st.floats(0, 1))
def test_sensitivity_and_specificity_match_the_confusion_matrix(labels, probabilities, threshold):
    scores = classifier_scores(labels, probabilities, threshold)
    table = confusion_matrix(labels, probabilities >= threshold, labels=[False, True])
    (tn, fp), (fn, tp) = table
    assert scores["sensitivity"] == (pytest.approx(tp / (tp + fn)) if tp + fn else None)
    assert scores["specificity"] == (pytest.approx(tn / (tn + fp)) if tn + fp else None)
    if not (tp + fn and tn + fp):
        assert scores["auroc"] is scores["pr_auc"] is scores["sensitivity_at_95_specificity"] is None


@given(arrays(bool, 12), arrays(float, 12, elements=st.sampled_from([0.0, 0.2, 0.5, 0.5000001, 1.0])))
def test_the_auroc_matches_scikit_learn_with_any_ties(labels, probabilities):
    both = labels.any() and not labels.all()
    assert auroc(labels, probabilities) == (pytest.approx(roc_auc_score(labels, probabilities)) if both else None)


def test_classifier_scores_match_hand_calculation():
    labels = np.array([0] * 20 + [1] * 4, bool)
    probabilities = np.array([i / 20 for i in range(20)] + [0.99, 0.97, 0.93, 0.2])
    scores = classifier_scores(labels, probabilities, 0.96)
    assert scores["sensitivity"] == 0.5
    assert scores["specificity"] == 1
    assert scores["sensitivity_at_95_specificity"] == 0.75  # one of the 20 negatives may score higher
    assert scores["auroc"] == pytest.approx((20 + 20 + 19 + 4.5) / 80)
    assert scores["pr_auc_floor"] == pytest.approx(4 / 24)
    assert scores["slices"] == 24
    assert scores["threshold"] == 0.96


def test_random_probabilities_score_the_floors():
    rng = np.random.default_rng(1)
    labels, probabilities = rng.random(20_000) < 0.3, rng.random(20_000)
    scores = classifier_scores(labels, probabilities, 0.5)
    assert scores["auroc"] == pytest.approx(scores["auroc_floor"], abs=0.02)
    assert scores["pr_auc"] == pytest.approx(scores["pr_auc_floor"], abs=0.02)


def test_finding_nothing_scores_exactly_the_floors():
    labels = np.arange(40) < 13
    scores = classifier_scores(labels, np.zeros(40), 0.5)
    assert scores["auroc"] == scores["auroc_floor"] == 0.5
    assert scores["pr_auc"] == scores["pr_auc_floor"] == 13 / 40
    assert scores["ece"] == scores["ece_floor"] == 13 / 40
    assert (scores["sensitivity"], scores["specificity"], scores["sensitivity_at_95_specificity"]) == (0, 1, 0)


def test_only_an_over_confident_classifier_exceeds_the_chance_error():
    rng = np.random.default_rng(2)
    predicted = rng.beta(0.5, 1, 900)
    labels = rng.random(900) < predicted
    calibrated = classifier_scores(labels, predicted, 0.5)
    over_confident = classifier_scores(labels, np.where(predicted > 0.3, 0.5 + predicted / 2, predicted / 9), 0.5)
    assert calibrated["ece"] == pytest.approx(calibrated["ece_if_calibrated"], abs=0.02)
    assert over_confident["ece"] > over_confident["ece_if_calibrated"] + 0.05


def test_without_slices_there_are_no_scores():
    scores = classifier_scores(np.zeros(0), np.zeros(0), 0.5)
    assert scores.pop("slices") == 0
    assert scores.pop("threshold") == scores.pop("auroc_floor") == 0.5
    assert set(scores.values()) == {None}


def test_scores_by_patient_match_hand_calculation():
    patients = np.array(["b", "b", "b", "a", "a", "c", "c"])
    labels = np.array([1, 1, 0, 1, 0, 0, 0])
    probabilities = np.array([0.9, 0.5, 0.6, 0.1, 0.2, 0.1, 0.7])
    table = by_patient(patients, labels, probabilities, 0.5).set_index("patient")
    assert table.index.tolist() == ["a", "b", "c"]
    assert table["slices"].tolist() == [2, 3, 2]
    assert table["tumor_slices"].tolist() == [1, 2, 0]
    assert table["found"].tolist() == [0, 2, 0]
    assert table["false_alarms"].tolist() == [0, 1, 1]
    assert table["sensitivity"].tolist() == pytest.approx([0, 1, np.nan], nan_ok=True)
    assert table["specificity"].tolist() == pytest.approx([1, 0, 0.5])
    assert summarise_slices(table.reset_index()) == {
        "patients": 3,
        "patients_missed": 1,
        "sensitivity_by_patient_mean": 0.5,
        "sensitivity_by_patient_min": 0,
        "specificity_by_patient_mean": 0.5,
    }


@settings(deadline=None)
@given(arrays(int, 30, elements=st.integers(0, 4)), arrays(bool, 30), arrays(float, 30, elements=st.floats(0, 1)))
def test_patient_counts_add_up_to_the_slice_scores(patients, labels, probabilities):
    table = by_patient(patients, labels, probabilities, 0.4)
    scores = classifier_scores(labels, probabilities, 0.4)
    assert table["slices"].sum() == 30
    if labels.any():
        assert table["found"].sum() / table["tumor_slices"].sum() == pytest.approx(scores["sensitivity"])
    if not labels.all():
        empty = 30 - table["tumor_slices"].sum()
        assert 1 - table["false_alarms"].sum() / empty == pytest.approx(scores["specificity"])


def test_one_class_alone_gives_half_a_summary():
    one = by_patient(np.array(["a", "b"]), np.array([1, 1]), np.array([0.9, 0.1]), 0.5)
    assert summarise_slices(one)["specificity_by_patient_mean"] is None
    assert summarise_slices(one)["sensitivity_by_patient_mean"] == 0.5
    none = by_patient(np.array(["a"]), np.array([0]), np.array([0.9]), 0.5)
    assert summarise_slices(none)["sensitivity_by_patient_mean"] is None
    assert summarise_slices(none)["sensitivity_by_patient_min"] is None
    assert summarise_slices(none)["patients_missed"] == 0
