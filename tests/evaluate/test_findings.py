"""The sentences that warn of leaks, bad masks and miscalibration, and what they do to the verdict."""

from __future__ import annotations

import re
import shutil
from types import SimpleNamespace

import pytest
from layered_models import NETWORKS

from components.common.files import write_json
from components.common.layout import LAYERED, SERVING
from components.evaluate.findings import findings, known_people, leak, missing_provenance
from components.scans.identity import fingerprint

pytest_plugins = ["evaluation_fixtures"]
pytestmark = pytest.mark.xdist_group("evaluated")  # models and predictions are made once

RECORD = {"made_from": {"classifier": {"people": ["a", "b"]}, "segmenter": {"people": ["b", "c"]}}}
GOOD_METRICS = {
    "layered": {
        "missed_patients": 0,
        "tumor_patients": 20,
        "patients": 24,
        "persons": 24,
        "unprocessed_volume_dice_mean": 0.84,
        "volume_dice_mean": 0.85,
        "volume_dice_note": "",
    },
    "classifier": {"auroc": 0.95},
    "calibration": {
        "slice_confidence_mean": 0.9,
        "slice_accuracy_at_half": 0.92,
        "mask_pixels_predicted_from_1_percent": 0.5,
        "mask_pixels_observed_from_1_percent": 0.45,
    },
    "doubt": {"gain": 0.4},
}


def findings_after(group, test_set=("x",), **changes):
    return findings(GOOD_METRICS | {group: GOOD_METRICS[group] | changes}, RECORD, test_set)


def test_good_metrics_give_no_findings():
    assert findings(GOOD_METRICS, RECORD, ["x", "y"]) == []


@pytest.mark.parametrize(
    ("group", "changes", "expected"),
    [
        ("layered", {"missed_patients": 20}, "The model finds NOTHING"),
        ("layered", {"missed_patients": 3}, "In 3 of 20 patients with tumour, the model draws nothing of it"),
        ("classifier", {"auroc": 0.49}, "worse than chance"),
        ("calibration", {"slice_confidence_mean": 0.99, "slice_accuracy_at_half": 0.7}, "classifier is OVER-CONFIDENT"),
        ("calibration", {"slice_confidence_mean": 0.6, "slice_accuracy_at_half": 0.9}, "classifier is under-confident"),
        ("calibration", {"mask_pixels_predicted_from_1_percent": 0.9}, "masks are OVER-CONFIDENT: .* 90%, and 45%"),
        ("calibration", {"mask_pixels_predicted_from_1_percent": 0.2}, "masks are under-confident: .* 20%, and 45%"),
        ("layered", {"persons": 9}, "The 24 test examinations are of 9 persons"),
        ("doubt", {"gain": 0.0}, "the refer list is no better than chance"),
        ("doubt", {"gain": -0.3}, "the refer list is no better than chance"),
        ("layered", {"unprocessed_volume_dice_mean": 0.9}, "lowers the test patients' volume Dice: 0.900 .* 0.850"),
        ("layered", {"volume_dice_note": "only 9 patients"}, "Few patients were tested: only 9 patients"),
    ],
)
def test_each_problem_gives_exactly_one_sentence(group, changes, expected):
    (sentence,) = findings_after(group, **changes)
    assert re.search(expected, sentence)
    assert sentence.endswith(".")


def test_missing_numbers_give_no_findings():
    no_tumors = {
        "missed_patients": 0,
        "tumor_patients": 0,
        "unprocessed_volume_dice_mean": None,
        "volume_dice_mean": None,
    }
    reported = dict.fromkeys(GOOD_METRICS["calibration"])
    for group, changes in (("layered", no_tumors), ("classifier", {"auroc": None}), ("doubt", {"gain": None})):
        assert findings_after(group, **changes) == []
    assert findings_after("calibration", **reported) == []


def test_a_leak_counts_people_of_both_networks_and_comes_first():
    assert known_people(RECORD) == {"a", "b", "c"}
    assert leak(RECORD, ["x", "y"]) is None
    assert "2 of the 3 tested persons" in leak(RECORD, ["a", "c", "x"])
    first, second = findings_after("layered", test_set=["c", "x"], missed_patients=20)
    assert first.startswith("LEAK: the model was trained or chosen on 1 of the 2 tested persons")
    assert "NOTHING" in second


def test_a_start_trained_on_validation_patients_is_reported_by_network():
    made_from = {
        "classifier": {"people": ["a"], "start": "", "started_from": []},
        "segmenter": {"people": ["a"], "started_from": ["own/weights/v1", "reference"], "validation_known_to_start": 3},
    }
    (sentence,) = findings(GOOD_METRICS, {"made_from": made_from}, ["x"])
    assert sentence.startswith("The segmenter started from own/weights/v1, which was trained or chosen on 3 of the ")
    made_from["segmenter"]["validation_known_to_start"] = 0
    assert findings(GOOD_METRICS, {"made_from": made_from}, ["x"]) == []


@pytest.mark.parametrize(
    ("made_from", "expected"),
    [
        ({}, "its classifier and its segmenter were"),
        ({"classifier": {"people": []}}, "its segmenter was"),
        ({"classifier": {"code": "0"}, "segmenter": {"people": ["a"]}}, "its classifier was"),
    ],
)
def test_a_model_without_a_record_of_its_people_may_leak(made_from, expected):
    assert missing_provenance(RECORD) is None
    assert missing_provenance({"made_from": made_from}) == f"does not record whom {expected} trained on"
    assert "a LEAK can't be ruled out" in leak({"made_from": made_from}, ["x"])
    assert leak({}, ["x"]) is not None


def test_a_good_model_is_blessed_and_warned_only_about_few_patients(good_model, judge_model):
    metrics, verdict = judge_model(
        good_model, min_volume_dice=0.9, min_auroc=0.9, min_sensitivity=0.9, min_cohort_volume_dice=0.9
    )
    assert (metrics["verdict"], verdict["verdict"]) == ("BLESSED", "BLESSED")
    (sentence,) = metrics["findings"]
    assert sentence.startswith("Few patients were tested: only 7 patients")


def trained_on(model, people, folder):
    """The same model, recorded as trained on these people."""
    shutil.copytree(model.layered, folder / "layered")
    made_from = {name: {"people": [fingerprint(one) for one in people]} for name in NETWORKS}
    write_json(folder / "layered" / SERVING / LAYERED, model.record | {"made_from": made_from})
    return SimpleNamespace(layered=folder / "layered", predictions=model.predictions)


def test_a_leaky_model_is_refused_whatever_its_scores(good_model, judge_model, test_set, tmp_path):
    metrics, verdict = judge_model(trained_on(good_model, test_set.patients[:2], tmp_path))
    assert verdict["verdict"] == metrics["verdict"] == "NOT BLESSED"
    (reason,) = verdict["reasons"]
    assert reason.startswith("layered model: LEAK: the model was trained or chosen on 2 of the 7 tested persons")
    assert metrics["findings"][0].startswith("LEAK")
    assert metrics["layered"]["volume_dice_mean"] > 0.9


def test_another_examination_of_a_tested_person_is_a_leak_too(good_model, judge_model, test_set, tmp_path):
    later = test_set.patients[0].rpartition("_")[0] + "_20251231"
    assert later not in test_set.patients
    _, verdict = judge_model(trained_on(good_model, [later], tmp_path))
    assert "LEAK" in verdict["reasons"][0]


def test_an_all_background_model_is_reported_despite_its_pixel_accuracy(evaluate_model, judge_model):
    metrics, verdict = judge_model(evaluate_model(cut=1000.0), min_volume_dice=0.01)
    assert verdict["verdict"] == "NOT BLESSED"
    assert verdict["reasons"] == ["layered model: volume_dice_mean 0.0000 is below its floor 0.01"]
    assert metrics["findings"][0].startswith("The model finds NOTHING: in no patient does the mask touch the tumour")
    assert metrics["layered"]["all_slice_dice_empty_as_1"] == metrics["layered"]["all_slice_dice_floor"] > 0.5


def test_an_over_confident_model_is_reported(evaluate_model, judge_model):
    metrics, _ = judge_model(evaluate_model(cut=18.0, spot=10.0, gain=5.0))
    reported = " ".join(metrics["findings"])
    assert "The classifier is OVER-CONFIDENT" in reported
    assert "The masks are OVER-CONFIDENT" in reported
