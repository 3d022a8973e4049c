"""The champion's folder and what of it enters the verdict; the model in it is a record of its choices alone."""

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


def enthrone(folder, *, classifier=(), segmenter=()):
    """Write a champion that has learned from these people."""
    place = folder / "model" / LAYERED
    place.parent.mkdir(parents=True)
    made_from = {"classifier": {"people": list(classifier)}, "segmenter": {"people": list(segmenter)}}
    record = {"neighbors": 0, "tumor_threshold": 0.5, "mask_threshold": 0.5, "processing": {}, "made_from": made_from}
    place.write_text(json.dumps(record), encoding="utf-8")
    return folder / "model"


def scored(by):
    """Measures a champion that is better by that."""
    return lambda model: CANDIDATE.assign(volume_dice=CANDIDATE["volume_dice"] + by)


def challenged(folder, measure=pytest.fail, tested="abcdefg"):
    return challenge(folder, tested, CANDIDATE, GATE, 1, measure)


def test_the_model_that_lies_there_is_measured_and_the_candidate_held_against_it(tmp_path):
    model, seen = enthrone(tmp_path, classifier="xyz", segmenter="z"), []
    checks, found = challenged(tmp_path, lambda folder: seen.append(folder) or scored(-0.1)(folder))
    assert seen == [model] == [champion_in(tmp_path)]
    assert [check.passed for check in checks] == [True, True]
    assert (found["mean"], found["patients"], found["margin"]) == (pytest.approx(0.1), 6, 0.02)
    checks, found = challenged(tmp_path, scored(0.1))
    assert [check.passed for check in checks] == [False, False]
    assert found["mean"] == pytest.approx(-0.1)


def test_every_check_tells_its_number_and_what_it_was_held_against():
    (mean, test), found = compare(CANDIDATE, scored(0.01)(None), GATE, seed=1)
    assert (mean.metric, mean.value, mean.floor) == ("mean difference of volume Dice", found["mean"], -0.02)
    assert (test.metric, test.value, test.floor) == ("non-inferiority", found["p_value"], 0.05)
    assert (mean.passed, test.passed) == (True, True)


@pytest.mark.parametrize(
    "seen", [{"classifier": "xa"}, {"segmenter": "a"}, {"classifier": "a", "segmenter": "a"}, {"classifier": "ax"}]
)
def test_a_champion_that_knows_a_tested_person_is_not_measured(tmp_path, seen):
    enthrone(tmp_path, **seen)
    (check,), found = challenged(tmp_path, tested="aabcdefg")
    assert (check.passed, found) == (False, None)
    assert "the champion was trained or chosen on 1 of the 7 persons tested now" in check.reason


@pytest.mark.parametrize(("name", "value"), [("size", 128), ("spacing", 2.0)])
def test_a_champion_made_for_other_slices_is_not_measured(tmp_path, name, value):
    models = [enthrone(tmp_path / one) for one in ("champion", "candidate")]
    for model, slices in zip(
        models, ({"size": 256, "spacing": 1.0} | {name: value}, {"size": 256, "spacing": 1.0}), strict=True
    ):
        record = json.loads((model / LAYERED).read_text()) | {"slices": slices}
        (model / LAYERED).write_text(json.dumps(record), encoding="utf-8")
    nothing = dict.fromkeys(("params", "scans", "splits", "predictions"))
    (check,), found = challenged(tmp_path / "champion", lambda model: _measure(model, layered=models[1], **nothing))
    assert (check.passed, found) == (False, None)
    assert f"it was made for ingest.{name} {value:g}, and the scans have" in check.reason


def test_weights_beside_the_notes_are_told_by_the_first_of_their_names(tmp_path):
    for name in ("README.md", "weights.dvc", "other.h5"):
        (tmp_path / name).touch()
    (check,), _ = challenged(tmp_path)
    assert check.reason.endswith(f"{tmp_path} holds other.h5, and no layered model; put one there, or clear it")
    enthrone(tmp_path)
    assert champion_in(tmp_path) == tmp_path / "model"  # with others beside it
