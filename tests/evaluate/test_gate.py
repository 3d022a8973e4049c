"""The gate's floors, for the whole test split and for cohorts; a value that was not measured never passes."""

from __future__ import annotations

import json

import pytest

from components.common.params.decisions import Gate
from components.evaluate import gate

# All floors differ, so that mixing two of them up fails a test.
FLOORS = Gate(
    min_auroc=0.9,
    min_sensitivity=0.8,
    min_specificity=0.5,
    min_volume_dice=0.6,
    min_pooled_dice=0.7,
    min_cohort_volume_dice=0.4,
    cohort_patients=3,
    champion="champion",
    margin=0.02,
)
METRIC_OF = {
    "min_auroc": ("classifier", "auroc"),
    "min_sensitivity": ("classifier", "sensitivity"),
    "min_specificity": ("classifier", "specificity"),
    "min_volume_dice": ("layered", "volume_dice_mean"),
    "min_pooled_dice": ("segmenter", "pooled_dice"),
}
MISSING = [None, float("nan"), float("inf"), float("-inf")]


def metrics(**changes):
    """Metrics slightly above every floor, each by a different amount; those without a floor are far lower."""
    table = {
        "classifier": {"auroc": 0.91, "sensitivity": 0.82, "specificity": 0.55},
        "segmenter": {"pooled_dice": 0.73, "volume_dice_mean": 0.1},
        "layered": {"volume_dice_mean": 0.64},
    }
    for floor, value in changes.items():
        group, name = METRIC_OF[floor]
        if value is KeyError:
            del table[group][name]
        else:
            table[group][name] = value
    return table


def cohort(dice, patients=3):
    """A cohort in which this many persons have a tumour."""
    return {"patients": 9, "tumor_patients": 9, "tumor_persons": patients, "volume_dice_mean": dice}


def judge(*checks):
    return gate.verdict([check for several in checks for check in several])


def test_a_model_above_every_floor_is_blessed():
    result = judge(gate.floors(metrics(), FLOORS))
    assert result["verdict"] == "BLESSED"
    assert result["reasons"] == []
    assert len(result["checks"]) == len(result["passed"]) == len(METRIC_OF)


@pytest.mark.parametrize("floor", METRIC_OF)
def test_just_reaching_a_floor_passes_and_just_missing_it_fails(floor):
    limit = getattr(FLOORS, floor)
    assert judge(gate.floors(metrics(**{floor: limit}), FLOORS))["verdict"] == "BLESSED"
    result = judge(gate.floors(metrics(**{floor: limit - 1e-6}), FLOORS))
    assert result["verdict"] == "NOT BLESSED"
    (reason,) = result["reasons"]
    assert METRIC_OF[floor][1] in reason
    assert reason.endswith(f"is below its floor {limit:g}")
    assert len(result["passed"]) == len(METRIC_OF) - 1


@pytest.mark.parametrize("floor", METRIC_OF)
@pytest.mark.parametrize("value", [*MISSING, KeyError])
def test_an_unmeasured_metric_never_passes(floor, value):
    result = judge(gate.floors(metrics(**{floor: value}), FLOORS))
    assert result["verdict"] == "NOT BLESSED"
    (reason,) = result["reasons"]
    assert reason.endswith(f"{METRIC_OF[floor][1]} could not be measured, so it can't pass")
    json.dumps(result, allow_nan=False)


def cohorts(**found):
    return gate.cohort_floors({"cohorts": {"site=DU": cohort(0.9), **found}}, FLOORS)


def test_one_bad_cohort_refuses_a_model_with_a_good_mean():
    result = judge(gate.floors(metrics(), FLOORS), cohorts(**{"site=CS": cohort(0.39)}))
    assert result["verdict"] == "NOT BLESSED"
    assert result["reasons"] == ["cohort site=CS: volume_dice_mean 0.3900 is below its floor 0.4"]
    assert judge(gate.floors(metrics(), FLOORS), cohorts(**{"site=CS": cohort(0.4)}))["verdict"] == "BLESSED"


@pytest.mark.parametrize("value", MISSING)
def test_an_unmeasured_cohort_never_passes(value):
    result = judge(cohorts(**{"site=CS": cohort(value)}))
    assert result["verdict"] == "NOT BLESSED"
    assert result["reasons"] == ["cohort site=CS: volume_dice_mean could not be measured, so it can't pass"]


def test_cohorts_with_few_tumour_patients_are_not_judged():
    small, healthy = {"site=CS": cohort(0.1, patients=2)}, {"site=screening": cohort(None, patients=0)}
    assert judge(cohorts(**small), cohorts(**healthy))["verdict"] == "BLESSED"
    assert judge(cohorts(**{"site=CS": cohort(0.1, patients=3)}))["verdict"] == "NOT BLESSED"
    assert [one.subject for one in cohorts(**small, **healthy)] == ["cohort site=DU"]
    assert judge(cohorts(**{"hormone=no tumour": cohort(0.1)}))["verdict"] == "NOT BLESSED"


def test_a_refusal_by_the_evaluator_alone_withholds_the_blessing():
    refusal = gate.Check("segmenter (TFX Evaluator)", "pooled_dice", 0.2, 0.7, False)
    result = judge(gate.floors(metrics(), FLOORS), [refusal])
    assert result["verdict"] == "NOT BLESSED"
    assert result["reasons"] == ["segmenter (TFX Evaluator): pooled_dice 0.2000 is below its floor 0.7"]


def test_a_leak_alone_withholds_the_blessing():
    result = judge(gate.floors(metrics(), FLOORS), gate.no_leak("LEAK: seen before"))
    assert result["verdict"] == "NOT BLESSED"
    assert result["reasons"] == ["layered model: LEAK: seen before"]
    assert gate.no_leak(None) == []


def test_without_checks_there_is_no_blessing():
    assert gate.verdict([])["verdict"] == "NOT BLESSED"


def test_each_check_records_its_value_floor_and_sentence():
    result = judge(gate.floors(metrics(min_auroc=0.5), FLOORS))
    assert result["checks"][0] == {
        "subject": "classifier",
        "metric": "auroc",
        "value": 0.5,
        "floor": 0.9,
        "passed": False,
        "reason": "",
    }
    assert "classifier: sensitivity 0.8200 reaches its floor 0.8" in result["passed"]


def test_the_blessing_on_disk_matches_the_verdict(tmp_path):
    folder = tmp_path / "blessing"
    assert not gate.is_blessed(folder)
    result = judge(gate.floors(metrics(), FLOORS))
    gate.write_blessing(folder, result)
    assert gate.is_blessed(folder)
    assert json.loads((folder / "verdict.json").read_text(encoding="utf-8")) == result
    gate.write_blessing(folder, judge(gate.floors(metrics(min_auroc=0.1), FLOORS)))
    assert not gate.is_blessed(folder)
    (folder / "BLESSED").touch()  # contradictory markers don't bless
    assert not gate.is_blessed(folder)


def test_cohorts_above_the_minimum_size_are_judged_too():
    assert judge(cohorts(**{"site=CS": cohort(0.39, patients=40)}))["verdict"] == "NOT BLESSED"
