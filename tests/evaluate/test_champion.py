"""The candidate against the champion on the same patients, and which champions are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from layered_models import write_layered

from components.common.errors import UserError
from components.common.layout import LAYERED, SERVING
from components.common.params.decisions import Gate
from components.evaluate import gate
from components.evaluate.champion import NOTES, challenge, champion_in, compare

pytest_plugins = ["evaluation_fixtures"]

pytestmark = pytest.mark.xdist_group("evaluated")  # models and predictions are made once

GATE = Gate(
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
    checks, found = compare(table(candidate), table(champion), GATE.model_copy(update={"margin": margin}), seed=1)
    return gate.verdict(checks), found


def test_a_better_candidate_wins_and_loses_when_swapped():
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
        "is at most 0.02 worse",
    ]


def test_a_tie_passes_within_a_margin_and_fails_without_one():
    assert compared(DICE, DICE)[0]["verdict"] == "BLESSED"
    tie, found = compared(DICE, DICE, margin=0.0)
    assert found["mean"] == 0
    assert tie["verdict"] == "NOT BLESSED"  # a tie is no evidence that it is better
    assert len(tie["reasons"]) == 1


def test_worse_within_the_margin_is_allowed_and_beyond_it_is_not():
    assert compared(shifted(-0.01), DICE)[0]["verdict"] == "BLESSED"
    assert compared(shifted(-0.03), DICE)[0]["verdict"] == "NOT BLESSED"
    assert compared(shifted(-0.03), DICE, margin=0.04)[0]["verdict"] == "BLESSED"


def test_a_mean_within_the_margin_fails_when_patients_disagree():
    result, found = compared(shifted(-0.015, noise=3), DICE)
    assert found["mean"] > -0.02
    assert len(result["passed"]) == 1
    (reason,) = result["reasons"]
    assert "it is not certain enough with 8 patients" in reason


def test_with_too_few_patients_for_a_test_the_mean_decides_with_a_note():
    few = list(DICE)[:4]
    better, worse = ({name: shifted(by)[name] for name in few} for by in (0.0, -0.05))
    won, found = compared(better, worse)
    assert (won["verdict"], len(won["checks"]), found["p_value"]) == ("BLESSED", 1, None)
    assert "too few patients: with 4" in found["note"]
    assert compared(worse, better)[0]["verdict"] == "NOT BLESSED"


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("value", [float("nan"), None])
def test_a_score_missing_from_only_one_model_is_refused(which, value):
    pair = [dict(shifted(0.1)), dict(DICE)]
    pair[which]["p3"] = value
    result, _ = compared(*pair)
    assert result["reasons"] == [
        "against the champion: volume_dice is missing for a patient, so nothing can be compared"
    ]


def test_tumour_free_patients_are_excluded_and_none_left_is_refused():
    healthy = {"p3": float("nan"), "p5": float("nan")}
    result, found = compared(shifted(0.1) | healthy, DICE | healthy)
    assert (result["verdict"], found["patients"]) == ("BLESSED", 6)
    all_healthy = dict.fromkeys(DICE, float("nan"))
    assert compared(all_healthy, all_healthy)[0]["verdict"] == "NOT BLESSED"


@pytest.mark.parametrize("other", [{"p9": 0.5}, {}])
def test_a_champion_measured_on_other_patients_is_refused(other):
    fewer = {name: value for name, value in DICE.items() if name != "p0"} | other
    for pair in ((shifted(0.1), fewer), (fewer, shifted(-0.5))):
        result, found = compared(*pair)
        assert found == {}
        assert result["reasons"] == [
            "against the champion: the champion was not measured on the same patients; evaluate both again"
        ]


def test_a_folder_holding_only_notes_has_no_champion(tmp_path):
    assert champion_in(tmp_path) is None
    for name in NOTES:
        (tmp_path / name).touch()
    assert champion_in(tmp_path) is None
    assert challenge(tmp_path, ["a"], table(DICE), GATE, 1, pytest.fail) == ([], None)


def test_a_model_is_found_in_the_folder_itself_or_through_a_link(tmp_path):
    (tmp_path / "store" / LAYERED).parent.mkdir(parents=True)
    (tmp_path / "store" / LAYERED).touch()
    assert champion_in(tmp_path / "store") == tmp_path / "store"
    (tmp_path / "champion").mkdir()
    (tmp_path / "champion" / "model").symlink_to(tmp_path / "store")
    assert champion_in(tmp_path / "champion") == tmp_path / "champion" / "model"


def refusal_reason(folder, measure=pytest.fail, tested=("a",)):
    checks, found = challenge(folder, tested, table(DICE), GATE, 1, measure)
    assert found is None
    result = gate.verdict(checks)
    assert result["verdict"] == "NOT BLESSED"
    (reason,) = result["reasons"]
    assert reason.startswith("against the champion: ")
    assert "\n" not in reason
    return reason


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["weights.h5"], "holds weights.h5, and no layered model; put one there, or clear it"),
        (["model/saved_model.pb", "model/variables/x"], "and no layered model"),
        (["model.dvc", ".gitignore"], "holds model.dvc, and no layered model; run `dvc pull`"),
        ([f"a/{LAYERED}", f"b/{LAYERED}"], "holds 2 layered models; leave one there"),
    ],
)
def test_files_that_are_not_a_model_are_refused(tmp_path, files, message):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert message in refusal_reason(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    assert "no such folder; gate.champion names" in refusal_reason(tmp_path / "champoin")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is damaged"),
        ("{}", "lacks neighbors, tumor_threshold"),
        ('{"neighbors": 0, "tumor_threshold": 0, "mask_threshold": 0, "processing": {}}', "does not record whom"),
    ],
)
def test_an_unusable_record_is_refused(tmp_path, text, message):
    (tmp_path / LAYERED).parent.mkdir()
    (tmp_path / LAYERED).write_text(text, encoding="utf-8")
    assert message in refusal_reason(tmp_path)


def test_a_measurement_that_fails_is_a_refusal_with_its_reason(tmp_path):
    write_layered(tmp_path / "model")

    def measure(model):
        raise UserError(f"{model.name}: no such thing")

    assert refusal_reason(tmp_path, measure).endswith(f"the champion can't be used: {SERVING}: no such thing")
