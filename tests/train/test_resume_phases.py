"""A classifier that is interrupted both while frozen and while unfrozen gives the same result as an undisturbed one."""

from __future__ import annotations

import json
import random

import pytest
from tiny_training import run_driver, write_backbone, write_split_examples

FROZEN, UNFROZEN = random.Random(3).randrange(2, 6), random.Random(4).randrange(7, 18)
pytestmark = pytest.mark.nightly  # on every change, test_training_classifier.py kills one in its second phase


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phases")
    write_split_examples(folder / "splits")
    write_backbone(folder / "backbone.weights.h5")
    return folder


def test_a_classifier_stopped_in_and_between_phases_gives_the_same_result(folder):
    scenarios = ["undisturbed", f"stopped=kill:{FROZEN},term:6,kill:{UNFROZEN}"]
    attempts = json.loads(run_driver(folder, "interrupt", "classifier", *scenarios).splitlines()[-1])
    assert [attempt["status"] for attempt in attempts["stopped"]] == [-9, 143, -9, 0]
    for file in ("network.weights.h5", "history.csv"):
        assert (folder / "stopped" / "run" / file).read_bytes() == (folder / "undisturbed" / "run" / file).read_bytes()
