"""Killed or asked to stop at any moment and started again, a training ends as it would have, bit for bit.

For every change one is killed, while it saves, and asked to stop. Nightly the stops are many, and a classifier is
stopped, too, in its frozen phase and in the other; by day, test_training_classifier.py kills it in the latter.
"""

from __future__ import annotations

import json
import random
from types import SimpleNamespace

import pandas as pd
import pytest
from tiny_training import drive, write_backbone, write_sides

from components.train.epoch_validation import MONITORED

pytestmark = pytest.mark.long

KILLED, ASKED = 6, 11
KILLS = sorted(random.Random(20).sample(range(1, 18), 5))
ANY = random.Random(21).randrange(1, 18)
nightly = pytest.mark.nightly


@pytest.fixture(scope="module", params=["segmenter", pytest.param("classifier", marks=nightly)])
def network(request):
    return request.param


def play(folder, network, *stories):
    """Play stories after an undisturbed one: their folder, and of each what was left of its attempts."""
    write_sides(folder / "sides")
    write_backbone(folder / "backbone.weights.h5")
    told = drive(folder, "stopped", network, "undisturbed", *stories)
    return SimpleNamespace(folder=folder, **json.loads(told.splitlines()[-1]))


@pytest.fixture(scope="module")
def few(tmp_path_factory, network):
    return play(tmp_path_factory.mktemp("few"), network, f"stopped=save:{KILLED},term:{ASKED}")


@pytest.fixture(scope="module")
def many(tmp_path_factory, network):
    kills = ",".join(f"kill:{step}" for step in KILLS)
    stories = [f"killed={kills}", f"asked=term:{ANY},validation:2,export"]
    return play(tmp_path_factory.mktemp("many"), network, *stories)


def statuses(attempts):
    return [attempt["status"] for attempt in attempts]


def history(folder, name):
    return pd.read_csv(folder / name / "run" / "history.csv")


def same_end(folder, name):
    """The network and the history that a story ended with are those of the undisturbed one."""
    for file in ("network.weights.h5", "network.json", "history.csv"):
        assert (folder / name / "run" / file).read_bytes() == (folder / "undisturbed" / "run" / file).read_bytes(), file


@pytest.mark.parametrize("network", ["segmenter"], indirect=True)
def test_the_best_epoch_is_one_that_checkpoints_have_to_carry(network, few):
    assert history(few.folder, "undisturbed")[MONITORED[network]].idxmax() == 0


def test_killed_while_it_saves_and_asked_to_stop_a_training_ends_as_if_undisturbed(few):
    assert statuses(few.stopped) == [-9, 143, 0]
    same_end(few.folder, "stopped")


def test_a_training_that_is_asked_to_stop_saves_that_very_step(few):
    _, asked, last = (attempt["files"] for attempt in few.stopped)
    assert asked[-1] == f"step-{ASKED:09d}.npz"
    assert last == ["step-000000015.npz", "step-000000018.npz"]


def test_a_checkpoint_that_was_being_written_is_neither_taken_nor_left(few):
    killed, after, _ = (attempt["files"] for attempt in few.stopped)
    half, whole = sorted(killed)
    assert half.startswith(".part-")
    assert half.endswith(f"step-{KILLED:09d}.npz")
    assert whole == "step-000000003.npz"
    assert after == ["step-000000009.npz", f"step-{ASKED:09d}.npz"]


@nightly
def test_killed_at_random_steps_it_ends_as_if_undisturbed(many):
    assert statuses(many.killed) == [-9] * len(KILLS) + [0]
    same_end(many.folder, "killed")


@nightly
def test_asked_to_stop_while_it_validates_it_saves_the_step_before(many):
    step, validation, *_ = many.asked
    assert (step["status"], validation["status"]) == (143, 143)
    assert f"step-{ANY:09d}.npz" in step["files"]
    ends = [f"step-{last:09d}.npz" for last in (6, 12, 18) if last >= ANY]
    assert ends[0] in validation["files"]


@nightly
def test_killed_before_its_network_is_whole_it_writes_it_anew(many):
    assert statuses(many.asked) == [143, 143, -9, 0]
    same_end(many.folder, "asked")


@pytest.mark.parametrize("name", ["undisturbed", "stopped"])
def test_live_plots_hold_one_row_an_epoch(network, few, name):
    score, expected = MONITORED[network], history(few.folder, name)
    rows = pd.read_csv(few.folder / name / "live" / "plots" / "metrics" / f"{score}.tsv", sep="\t")
    assert rows["step"].tolist() == [0, 1, 2]
    assert rows[score].tolist() == pytest.approx(expected[score].tolist())
