"""Real models as champion and candidate, up to the verdict."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from layered_models import CUT, write_layered

from components.common.layout import CHAMPION, PATIENTS, SERVING
from components.common.predictions import read_patients
from components.evaluate.verdict import _measure
from components.scans.identity import fingerprint

pytest_plugins = ["evaluated"]

pytestmark = pytest.mark.xdist_group("evaluated")  # models and predictions are made once


@pytest.fixture(scope="module")
def poor(predicted):
    """A model that draws too much of every tumour's surroundings."""
    return predicted(cut=CUT / 2)


def enthroned(model, folder):
    """A champion's folder, as its README tells to fill it."""
    shutil.copytree(model.layered / SERVING, folder / "champion" / "model")
    (folder / "champion" / "README.md").touch()
    return folder / "champion"


def test_real_models_win_and_swapped_they_lose(good, poor, judged, tmp_path):
    metrics, verdict = judged(good, enthroned(poor, tmp_path / "poor"))
    assert verdict["verdict"] == "BLESSED"
    assert metrics["champion"]["mean"] > 0.1
    assert metrics["champion"]["patients"] == 7
    lost, verdict = judged(poor, enthroned(good, tmp_path / "good"))
    assert verdict["verdict"] == "NOT BLESSED"
    assert [reason.split(":")[0] for reason in verdict["reasons"]] == ["against the champion"] * 2
    assert lost["champion"]["mean"] == pytest.approx(-metrics["champion"]["mean"])
    # What was measured of the champion is what it scored as a candidate, and is kept for the report.
    assert (poor.predictions / CHAMPION).read_bytes() == (good.predictions / PATIENTS).read_bytes()


def test_a_model_ties_with_itself_and_without_a_champion_floors_alone_count(good, judged, tmp_path):
    metrics, verdict = judged(good, enthroned(good, tmp_path))
    assert verdict["verdict"] == "BLESSED"
    assert (metrics["champion"]["mean"], metrics["champion"]["worst"]) == (0, 0)
    assert (good.predictions / CHAMPION).read_bytes() == (good.predictions / PATIENTS).read_bytes()
    assert sum(check["subject"] == "against the champion" for check in verdict["checks"]) == 2
    metrics, verdict = judged(good)
    assert verdict["verdict"] == "BLESSED"
    assert metrics["champion"] is None
    assert "against the champion" not in json.dumps(verdict)


def test_a_candidate_that_is_the_champion_by_now_is_not_measured_again(good, tiny_params, tmp_path):
    folders = {"scans": tmp_path / "no scans", "splits": tmp_path / "no splits"}  # which a measurement would read
    scores = _measure(
        enthroned(good, tmp_path) / "model",
        params=tiny_params, layered=good.layered, predictions=good.predictions, **folders,
    )  # fmt: skip
    pd.testing.assert_frame_equal(scores, read_patients(good.predictions))


def test_a_damaged_champion_is_a_refusal_and_no_pass(good, judged, tmp_path):
    place = enthroned(good, tmp_path)
    weights = place / "model" / "variables" / "variables.data-00000-of-00001"
    weights.write_bytes(weights.read_bytes()[:100])
    metrics, verdict = judged(good, place)
    assert verdict["verdict"] == "NOT BLESSED"
    assert verdict["reasons"] == [
        f"against the champion: the champion can't be used: {place / 'model'}: damaged model; copy it again, or run "
        "`dvc checkout`"
    ]
    assert metrics["champion"] is None


def test_a_champion_that_has_learned_from_tested_patients_is_a_refusal(good, judged, tested, tmp_path):
    write_layered(tmp_path / "champion", people=tested.patients[:3], cut=CUT / 2)
    metrics, verdict = judged(good, tmp_path / "champion")
    assert verdict["verdict"] == "NOT BLESSED"
    (reason,) = verdict["reasons"]
    assert "the test set has changed: the champion was trained or chosen on 3 of the 7 persons tested now" in reason
    assert "LEAK" not in json.dumps(metrics["findings"])  # the candidate itself is clean
    assert fingerprint(tested.patients[0]) not in json.dumps(verdict)


def test_one_bad_cohort_of_a_clinical_table_refuses_a_good_mean(predicted, tested, judged, tmp_path):
    dim = predicted(cut=2 * CUT)  # one tumour is darker than that
    scores = read_patients(dim.predictions)
    missed = scores.loc[scores["volume_dice"].idxmin(), "patient"]
    lines = [f"{patient},{'IV' if patient == missed else 'II'}" for patient in tested.patients]
    (tmp_path / "clinical.csv").write_text("\n".join(["patient,grade", *lines]), encoding="utf-8")
    floors = {"min_volume_dice": 0.6, "min_cohort_volume_dice": 0.5, "cohort_patients": 1}
    assert judged(dim, **floors)[1]["verdict"] == "BLESSED"
    metrics, verdict = judged(dim, clinical=str(tmp_path / "clinical.csv"), **floors)
    assert verdict["verdict"] == "NOT BLESSED"
    (reason,) = verdict["reasons"]
    assert reason.startswith("cohort grade=IV: volume_dice_mean 0.")
    assert metrics["cohorts"]["grade=II"]["patients"] == 6
