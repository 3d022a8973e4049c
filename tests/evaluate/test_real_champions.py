"""Real models as champion and candidate, from predictions to the verdict."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from layered_models import BRIGHTNESS_CUT, write_layered

from components.common.layout import CHAMPION, PATIENTS, SERVING
from components.common.predictions import read_patients
from components.evaluate.verdict import _measure
from components.scans.identity import fingerprint

pytest_plugins = ["evaluation_fixtures"]

pytestmark = pytest.mark.xdist_group("evaluated")  # models and predictions are made once


@pytest.fixture(scope="module")
def poor(evaluate_model):
    """A model whose masks spill over the edges of every tumour."""
    return evaluate_model(cut=BRIGHTNESS_CUT / 2)


def make_champion(model, folder):
    """Make the model the champion, filling the folder as its README describes."""
    shutil.copytree(model.layered / SERVING, folder / "champion" / "model")
    (folder / "champion" / "README.md").touch()
    return folder / "champion"


def test_a_better_real_model_wins_and_loses_when_swapped(good_model, poor, judge_model, tmp_path):
    metrics, verdict = judge_model(good_model, make_champion(poor, tmp_path / "poor"))
    assert verdict["verdict"] == "BLESSED"
    assert metrics["champion"]["mean"] > 0.1
    assert metrics["champion"]["patients"] == 7
    lost, verdict = judge_model(poor, make_champion(good_model, tmp_path / "good"))
    assert verdict["verdict"] == "NOT BLESSED"
    assert [reason.split(":")[0] for reason in verdict["reasons"]] == ["against the champion"] * 2
    assert lost["champion"]["mean"] == pytest.approx(-metrics["champion"]["mean"])
    # The champion's scores equal those it had as a candidate, and are kept for the report.
    assert (poor.predictions / CHAMPION).read_bytes() == (good_model.predictions / PATIENTS).read_bytes()


def test_a_model_ties_with_itself_and_without_champion_only_floors_count(good_model, judge_model, tmp_path):
    metrics, verdict = judge_model(good_model, make_champion(good_model, tmp_path))
    assert verdict["verdict"] == "BLESSED"
    assert (metrics["champion"]["mean"], metrics["champion"]["worst"]) == (0, 0)
    assert (good_model.predictions / CHAMPION).read_bytes() == (good_model.predictions / PATIENTS).read_bytes()
    assert sum(check["subject"] == "against the champion" for check in verdict["checks"]) == 2
    metrics, verdict = judge_model(good_model)
    assert verdict["verdict"] == "BLESSED"
    assert metrics["champion"] is None
    assert "against the champion" not in json.dumps(verdict)


def test_a_candidate_that_is_already_champion_is_not_measured_again(good_model, tiny_params, tmp_path):
    folders = {"scans": tmp_path / "no scans", "splits": tmp_path / "no splits"}  # a measurement would need them
    scores = _measure(
        make_champion(good_model, tmp_path) / "model",
        params=tiny_params, layered=good_model.layered, predictions=good_model.predictions, **folders,
    )  # fmt: skip
    pd.testing.assert_frame_equal(scores, read_patients(good_model.predictions))


def test_a_damaged_champion_blocks_the_blessing(good_model, judge_model, tmp_path):
    champion = make_champion(good_model, tmp_path)
    weights = champion / "model" / "variables" / "variables.data-00000-of-00001"
    weights.write_bytes(weights.read_bytes()[:100])
    metrics, verdict = judge_model(good_model, champion)
    assert verdict["verdict"] == "NOT BLESSED"
    assert verdict["reasons"] == [
        f"against the champion: the champion can't be used: {champion / 'model'}: damaged model; copy it again, or run "
        "`dvc checkout`"
    ]
    assert metrics["champion"] is None


def test_a_champion_trained_on_tested_patients_is_refused(good_model, judge_model, test_set, tmp_path):
    write_layered(tmp_path / "champion", people=test_set.patients[:3], cut=BRIGHTNESS_CUT / 2)
    metrics, verdict = judge_model(good_model, tmp_path / "champion")
    assert verdict["verdict"] == "NOT BLESSED"
    (reason,) = verdict["reasons"]
    assert "the test set has changed: the champion was trained or chosen on 3 of the 7 persons tested now" in reason
    assert "LEAK" not in json.dumps(metrics["findings"])  # the candidate itself is clean
    assert fingerprint(test_set.patients[0]) not in json.dumps(verdict)


def test_one_bad_clinical_cohort_refuses_a_good_mean(evaluate_model, test_set, judge_model, tmp_path):
    insensitive = evaluate_model(cut=2 * BRIGHTNESS_CUT)  # one tumour is darker than that
    scores = read_patients(insensitive.predictions)
    missed = scores.loc[scores["volume_dice"].idxmin(), "patient"]
    lines = [f"{patient},{'IV' if patient == missed else 'II'}" for patient in test_set.patients]
    lines.remove(next(line for line in lines if line.endswith(",II")))
    (tmp_path / "clinical.csv").write_text("\n".join(["patient,grade", *lines]), encoding="utf-8")
    floors = {"min_volume_dice": 0.6, "min_cohort_volume_dice": 0.5, "cohort_patients": 1}
    assert judge_model(insensitive, **floors)[1]["verdict"] == "BLESSED"
    metrics, verdict = judge_model(insensitive, clinical=str(tmp_path / "clinical.csv"), **floors)
    assert verdict["verdict"] == "NOT BLESSED"
    (reason,) = verdict["reasons"]
    assert reason.startswith("cohort grade=IV: volume_dice_mean 0.")
    assert metrics["cohorts"]["grade=II"]["patients"] == 5
    assert metrics["findings"][-1].startswith("The clinical table has no row for 1 of the 7 test patients")
