from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from layered_models import CUT, write_layered

from components.common.errors import UserError
from components.common.layout import CHAMPION, LAYERED, PATIENTS, SERVING
from components.common.params.decisions import Gate
from components.common.predictions import read_patients
from components.evaluate import gate
from components.evaluate.champion import NOTES, challenge, champion_in, compare
from components.evaluate.verdict import _measure
from components.scans.identity import fingerprint

pytest_plugins = ["evaluated"]
pytestmark = pytest.mark.xdist_group("evaluated")  # models and predictions are made once

MARGIN = Gate(
    **{name: 0 for name in Gate.model_fields if name.startswith("min_")},
    cohort_patients=3,
    champion="champion",
    margin=0.02,
)
DICE = dict(zip([f"p{i}" for i in range(8)], np.linspace(0.6, 0.95, 8), strict=True))
NOISE = dict(zip(DICE, [0.03, -0.03, 0.02, -0.02, 0.01, -0.01, 0.04, -0.04], strict=True))


def table(dice):
    return pd.DataFrame({"patient": list(dice), "volume_dice": list(dice.values())})


def shifted(by, noise=0.0):
    return {name: value + by + noise * NOISE[name] for name, value in DICE.items()}


def compared(candidate, champion, margin=0.02):
    checks, found = compare(table(candidate), table(champion), MARGIN.model_copy(update={"margin": margin}), seed=1)
    return gate.verdict(checks), found


def test_a_better_candidate_wins_and_the_same_two_swapped_lose():
    win, found = compared(shifted(0.04, noise=1), DICE)
    assert win["verdict"] == "BLESSED"
    assert found["mean"] == pytest.approx(0.04)
    assert "it is certain enough with 8 patients" in win["passed"][1]
    lose, found = compared(DICE, shifted(0.04, noise=1))
    assert lose["verdict"] == "NOT BLESSED"
    assert found["mean"] == pytest.approx(-0.04)
    assert lose["reasons"] == [
        "against the champion: mean difference of volume Dice -0.0400 is below its floor -0.02",
        f"against the champion: it is not certain enough with 8 patients (p {found['p_value']:.3f}) that the candidate "
        "is no worse by 0.02",
    ]


def test_a_tie_passes_and_at_no_margin_it_does_not():
    assert compared(DICE, DICE)[0]["verdict"] == "BLESSED"
    tie, found = compared(DICE, DICE, margin=0.0)
    assert found["mean"] == 0
    assert tie["verdict"] == "NOT BLESSED"  # nobody can say that it is better
    assert len(tie["reasons"]) == 1


def test_a_little_worse_is_allowed_and_more_is_not():
    assert compared(shifted(-0.01), DICE)[0]["verdict"] == "BLESSED"
    assert compared(shifted(-0.03), DICE)[0]["verdict"] == "NOT BLESSED"
    assert compared(shifted(-0.03), DICE, margin=0.04)[0]["verdict"] == "BLESSED"


def test_a_mean_within_the_margin_is_not_enough_where_patients_disagree():
    result, found = compared(shifted(-0.015, noise=3), DICE)
    assert found["mean"] > -0.02
    assert len(result["passed"]) == 1
    (reason,) = result["reasons"]
    assert "it is not certain enough with 8 patients" in reason


def test_with_too_few_patients_for_a_test_the_mean_decides_and_the_note_says_so():
    few = list(DICE)[:4]
    better, worse = ({name: shifted(by)[name] for name in few} for by in (0.0, -0.05))
    won, found = compared(better, worse)
    assert (won["verdict"], len(won["checks"]), found["p_value"]) == ("BLESSED", 1, None)
    assert "too few patients: with 4" in found["note"]
    assert compared(worse, better)[0]["verdict"] == "NOT BLESSED"


@pytest.mark.parametrize("whose", [0, 1])
@pytest.mark.parametrize("value", [float("nan"), None])
def test_a_score_that_only_one_of_them_lacks_is_a_refusal(whose, value):
    pair = [dict(shifted(0.1)), dict(DICE)]
    pair[whose]["p3"] = value
    result, _ = compared(*pair)
    assert result["reasons"] == [
        "against the champion: volume_dice is missing for a patient, so nothing can be compared"
    ]


def test_patients_without_tumour_are_left_out_and_nobody_with_one_is_a_refusal():
    healthy = {"p3": float("nan"), "p5": float("nan")}
    result, found = compared(shifted(0.1) | healthy, DICE | healthy)
    assert (result["verdict"], found["patients"]) == ("BLESSED", 6)
    nobody = dict.fromkeys(DICE, float("nan"))
    assert compared(nobody, nobody)[0]["verdict"] == "NOT BLESSED"


@pytest.mark.parametrize("other", [{"p9": 0.5}, {}])
def test_a_champion_measured_on_other_patients_is_a_refusal(other):
    fewer = {name: value for name, value in DICE.items() if name != "p0"} | other
    for pair in ((shifted(0.1), fewer), (fewer, shifted(-0.5))):
        result, found = compared(*pair)
        assert found == {}
        assert result["reasons"] == [
            "against the champion: the champion was not measured on the same patients; evaluate both again"
        ]


def test_where_nothing_but_notes_lies_there_is_no_champion(tmp_path):
    assert champion_in(tmp_path) is None
    for name in NOTES:
        (tmp_path / name).touch()
    assert champion_in(tmp_path) is None
    assert challenge(tmp_path, ["a"], table(DICE), MARGIN, 1, pytest.fail) == ([], None)


def test_a_model_is_found_where_it_lies_or_where_a_link_leads(tmp_path):
    (tmp_path / "store" / LAYERED).parent.mkdir(parents=True)
    (tmp_path / "store" / LAYERED).touch()
    assert champion_in(tmp_path / "store") == tmp_path / "store"
    (tmp_path / "champion").mkdir()
    (tmp_path / "champion" / "model").symlink_to(tmp_path / "store")
    assert champion_in(tmp_path / "champion") == tmp_path / "champion" / "model"


def refused(folder, measure=pytest.fail, tested=("a",)):
    checks, found = challenge(folder, tested, table(DICE), MARGIN, 1, measure)
    assert found is None
    result = gate.verdict(checks)
    assert result["verdict"] == "NOT BLESSED"
    (reason,) = result["reasons"]
    assert reason.startswith("against the champion: ")
    assert "\n" not in reason
    return reason


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["weights.h5"], "holds weights.h5, and no layered model; put one there, or clear it"),
        (["model/saved_model.pb", "model/variables/x"], "and no layered model"),
        (["model.dvc", ".gitignore"], "holds model.dvc, and no layered model; run `dvc pull`"),
        ([f"a/{LAYERED}", f"b/{LAYERED}"], "holds 2 layered models; leave one there"),
    ],
)
def test_files_that_are_no_model_are_a_refusal(tmp_path, files, says):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert says in refused(tmp_path)


def test_a_folder_that_is_not_there_is_a_refusal(tmp_path):
    assert "no such folder; gate.champion names" in refused(tmp_path / "champoin")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is damaged"),
        ("{}", "lacks neighbors, tumor_threshold"),
        ('{"neighbors": 0, "tumor_threshold": 0, "mask_threshold": 0, "processing": {}}', "does not tell whom"),
    ],
)
def test_a_record_that_can_not_be_used_is_a_refusal(tmp_path, text, says):
    (tmp_path / LAYERED).parent.mkdir()
    (tmp_path / LAYERED).write_text(text, encoding="utf-8")
    assert says in refused(tmp_path)


def test_a_measurement_that_fails_is_a_refusal_with_its_reason(tmp_path):
    write_layered(tmp_path / "model")

    def measure(model):
        raise UserError(f"{model.name}: no such thing")

    assert refused(tmp_path, measure).endswith(f"the champion can't be used: {SERVING}: no such thing")


# From here on: real models, and the demo's patients.


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
