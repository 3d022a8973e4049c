"""Which number a new version gets, and what its summary says of it."""

from __future__ import annotations

import pytest

from components.registry.releases import headline, next_version
from components.registry.state import State, Version

MADE = {"classifier": {"code": "a"}, "segmenter": {"code": "a"}}
TOLD = {
    "neighbors": 0,
    "made_from": MADE,
    "verdict": "BLESSED",
    "headline": {"volume_dice_mean": 0.9512, "auroc": None},
}


def state(*names):
    return State([Version(name, "0" * 40, TOLD) for name in names])


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "v1.2.4"),
        ({"made_from": MADE | {"segmenter": {"code": "b"}}}, "v1.3.0"),
        ({"neighbors": 1}, "v2.0.0"),
        ({"neighbors": 1, "made_from": {}}, "v2.0.0"),
    ],
)
def test_the_number_tells_what_has_changed(changes, name):
    assert next_version(state("v1.0.0", "v1.2.3"), TOLD | changes) == name


def test_the_first_is_one():
    assert next_version(state(), TOLD) == "v1.0.0"


def test_a_version_is_found_with_and_without_its_letter():
    found = state("v1.0.0", "v1.2.3")
    assert found.version("1.2.3") is found.version("v1.2.3")


def test_the_tag_says_what_was_not_measured():
    assert headline(TOLD) == "BLESSED: volume Dice 0.951, AUROC not measured"
