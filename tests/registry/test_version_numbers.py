"""The number of a new version, and the headline of its summary."""

from __future__ import annotations

import pytest

from components.registry.releases import headline, next_version
from components.registry.state import State, Version

MADE_FROM = {"classifier": {"code": "a"}, "segmenter": {"code": "a"}}
SUMMARY = {
    "neighbors": 0,
    "made_from": MADE_FROM,
    "verdict": "BLESSED",
    "headline": {"volume_dice_mean": 0.9512, "auroc": None},
}


def state(*names):
    return State([Version(name, "0" * 40, SUMMARY) for name in names])


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "v1.2.4"),
        ({"made_from": MADE_FROM | {"segmenter": {"code": "b"}}}, "v1.3.0"),
        ({"neighbors": 1}, "v2.0.0"),
        ({"neighbors": 1, "made_from": {}}, "v2.0.0"),
    ],
)
def test_the_number_reflects_what_changed(changes, name):
    assert next_version(state("v1.0.0", "v1.2.3"), SUMMARY | changes) == name


def test_the_first_version_is_1_0_0():
    assert next_version(state(), SUMMARY) == "v1.0.0"


def test_a_version_is_found_with_or_without_its_v():
    found = state("v1.0.0", "v1.2.3")
    assert found.version("1.2.3") is found.version("v1.2.3")


def test_the_headline_marks_unmeasured_metrics():
    assert headline(SUMMARY) == "BLESSED: volume Dice 0.951, AUROC not measured"
