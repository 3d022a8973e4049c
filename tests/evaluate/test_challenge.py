"""How a champion is found, refused or compared with the candidate; its model here is only a record of choices."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from components.common.layout import LAYERED
from components.common.params.decisions import Gate
from components.evaluate.champion import challenge, champion_in, compare
from components.evaluate.verdict import _measure

GATE = Gate(
    **{name: 0 for name in Gate.model_fields if name.startswith("min_")},
    cohort_patients=3,
    champion="champion",
    margin=0.02,
)
CANDIDATE = pd.DataFrame({"patient": list("abcdefg"), "volume_dice": [0.8, 0.9, 0.7, 0.8, 0.9, 0.85, float("nan")]})


def make_champion(folder, *, classifier=(), segmenter=()):
    """Write a champion whose networks were trained on these people."""
    record_path = folder / "model" / LAYERED
    record_path.parent.mkdir(parents=True)
    made_from = {"classifier": {"people": list(classifier)}, "segmenter": {"people": list(segmenter)}}
    record = {"neighbors": 0, "tumor_threshold": 0.5, "mask_threshold": 0.5, "processing": {}, "made_from": made_from}
    record_path.write_text(json.dumps(record), encoding="utf-8")
    return folder / "model"


def measure_shifted(by):
    """A `measure` under which the champion is better than the candidate by this much."""
    return lambda model: CANDIDATE.assign(volume_dice=CANDIDATE["volume_dice"] + by)


def run_challenge(folder, measure=pytest.fail, tested="abcdefg"):
    return challenge(folder, tested, CANDIDATE, GATE, 1, measure)


def test_the_champion_is_measured_and_compared_with_the_candidate(tmp_path):
    model, seen = make_champion(tmp_path, classifier="xyz", segmenter="z"), []
    checks, found = run_challenge(tmp_path, lambda folder: seen.append(folder) or measure_shifted(-0.1)(folder))
    assert seen == [model] == [champion_in(tmp_path)]
    assert [check.passed for check in checks] == [True, True]
    assert (found["mean"], found["patients"], found["margin"]) == (pytest.approx(0.1), 6, 0.02)
    checks, found = run_challenge(tmp_path, measure_shifted(0.1))
    assert [check.passed for check in checks] == [False, False]
    assert found["mean"] == pytest.approx(-0.1)


def test_each_check_reports_its_value_and_its_floor():
    (mean, test), found = compare(CANDIDATE, measure_shifted(0.01)(None), GATE, seed=1)
    assert (mean.metric, mean.value, mean.floor) == ("mean difference of volume Dice", found["mean"], -0.02)
    assert (test.metric, test.value, test.floor) == ("non-inferiority", found["p_value"], 0.05)
    assert (mean.passed, test.passed) == (True, True)


@pytest.mark.parametrize(
    "seen", [{"classifier": "xa"}, {"segmenter": "a"}, {"classifier": "a", "segmenter": "a"}, {"classifier": "ax"}]
)
def test_a_champion_trained_on_a_tested_person_is_not_measured(tmp_path, seen):
    make_champion(tmp_path, **seen)
    (check,), found = run_challenge(tmp_path, tested="aabcdefg")
    assert (check.passed, found) == (False, None)
    assert "the champion was trained or chosen on 1 of the 7 persons tested now" in check.reason


@pytest.mark.parametrize(("name", "value"), [("size", 128), ("spacing", 2.0)])
def test_a_champion_for_another_slice_size_or_spacing_is_not_measured(tmp_path, name, value):
    models = [make_champion(tmp_path / one) for one in ("champion", "candidate")]
    for model, slices in zip(
        models, ({"size": 256, "spacing": 1.0} | {name: value}, {"size": 256, "spacing": 1.0}), strict=True
    ):
        record = json.loads((model / LAYERED).read_text()) | {"slices": slices}
        (model / LAYERED).write_text(json.dumps(record), encoding="utf-8")
    unused = dict.fromkeys(("params", "scans", "splits", "predictions"))
    (check,), found = run_challenge(tmp_path / "champion", lambda model: _measure(model, layered=models[1], **unused))
    assert (check.passed, found) == (False, None)
    assert f"it was made for ingest.{name} {value:g}, and the scans have" in check.reason


def test_a_folder_with_no_model_is_refused_naming_its_first_file(tmp_path):
    for name in ("README.md", "weights.dvc", "other.h5"):
        (tmp_path / name).touch()
    (check,), _ = run_challenge(tmp_path)
    assert check.reason.endswith(f"{tmp_path} holds other.h5, and no layered model; put one there, or clear it")
    make_champion(tmp_path)
    assert champion_in(tmp_path) == tmp_path / "model"  # despite the other files
