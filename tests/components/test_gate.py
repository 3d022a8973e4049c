from __future__ import annotations

import pytest

from components import gate
from components.params import Gate

FLOORS = Gate(min_auroc=0.9, min_sensitivity=0.8, min_specificity=0.5, min_volume_dice=0.6, min_pooled_dice=0.7)
PLACES = {
    "min_auroc": ("classifier", "auroc"),
    "min_sensitivity": ("classifier", "sensitivity"),
    "min_specificity": ("classifier", "specificity"),
    "min_volume_dice": ("layered", "volume_dice_mean"),
    "min_pooled_dice": ("segmenter", "pooled_dice"),
}


def metrics(**changes):
    """Metrics a bit above every floor, each by another amount, so that mixing two of them up shows."""
    table = {
        "classifier": {"auroc": 0.91, "sensitivity": 0.82, "specificity": 0.55},
        "segmenter": {"pooled_dice": 0.73, "volume_dice_mean": 0.1},
        "layered": {"volume_dice_mean": 0.64},
    }
    for floor, value in changes.items():
        group, name = PLACES[floor]
        if value is KeyError:
            del table[group][name]
        else:
            table[group][name] = value
    return table


def test_a_model_above_every_floor_is_blessed():
    result = gate.verdict(gate.floors(metrics(), FLOORS))
    assert result["verdict"] == "BLESSED"
    assert result["reasons"] == []
    assert len(result["checks"]) == len(PLACES)


@pytest.mark.parametrize("floor", PLACES)
def test_just_reaching_a_floor_is_enough_and_just_missing_it_is_not(floor):
    limit = getattr(FLOORS, floor)
    assert gate.verdict(gate.floors(metrics(**{floor: limit}), FLOORS))["verdict"] == "BLESSED"
    result = gate.verdict(gate.floors(metrics(**{floor: limit - 1e-6}), FLOORS))
    assert result["verdict"] == "NOT BLESSED"
    (reason,) = result["reasons"]
    assert PLACES[floor][1] in reason
    assert "is below its floor" in reason


@pytest.mark.parametrize("floor", PLACES)
@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), KeyError])
def test_what_is_not_measured_never_passes(floor, value):
    result = gate.verdict(gate.floors(metrics(**{floor: value}), FLOORS))
    assert result["verdict"] == "NOT BLESSED"
    assert "could not be measured" in result["reasons"][0]


def test_a_refusal_of_the_evaluator_alone_is_enough():
    refusal = gate.Check("segmenter (TFX Evaluator)", "pooled_dice", 0.2, 0.7, False)
    result = gate.verdict(gate.floors(metrics(), FLOORS), [refusal])
    assert result["verdict"] == "NOT BLESSED"
    assert result["reasons"] == ["segmenter (TFX Evaluator): pooled_dice 0.2000 is below its floor 0.7"]


def test_no_checks_at_all_is_no_blessing():
    assert gate.verdict([])["verdict"] == "NOT BLESSED"


def test_the_blessing_on_disk_is_the_verdict(tmp_path):
    folder = tmp_path / "blessing"
    assert not gate.is_blessed(folder)
    gate.write_blessing(folder, gate.verdict(gate.floors(metrics(), FLOORS)))
    assert gate.is_blessed(folder)
    gate.write_blessing(folder, gate.verdict(gate.floors(metrics(min_auroc=0.1), FLOORS)))
    assert not gate.is_blessed(folder)
    (folder / "BLESSED").touch()  # a contradiction is no blessing
    assert not gate.is_blessed(folder)
