"""A classifier that is first trained frozen, then released, and stopped in both phases, ends as it would have."""

from __future__ import annotations

import json
import random

import pytest
from tiny_training import drive, write_backbone, write_sides

FROZEN, RELEASED = random.Random(3).randrange(2, 6), random.Random(4).randrange(7, 18)
pytestmark = pytest.mark.nightly  # of every change, test_training_classifier.py kills one in its second phase


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phases")
    write_sides(folder / "sides")
    write_backbone(folder / "backbone.weights.h5")
    return folder


def test_a_classifier_stopped_in_both_phases_and_between_them_ends_as_if_undisturbed(folder):
    stories = ["undisturbed", f"stopped=kill:{FROZEN},term:6,kill:{RELEASED}"]
    attempts = json.loads(drive(folder, "stopped", "classifier", *stories).splitlines()[-1])
    assert [attempt["status"] for attempt in attempts["stopped"]] == [-9, 143, -9, 0]
    for file in ("network.weights.h5", "history.csv"):
        assert (folder / "stopped" / "run" / file).read_bytes() == (folder / "undisturbed" / "run" / file).read_bytes()
