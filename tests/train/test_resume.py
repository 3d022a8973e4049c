"""A training that is killed or stopped at any moment and then resumed gives the same result, bit for bit.

On every change, one training is killed while it saves and later asked to stop. Nightly, there are more interruptions,
and a classifier is interrupted in both of its phases; by day, test_training_classifier.py kills one in the second.
"""

from __future__ import annotations

import json
import random
from types import SimpleNamespace

import pandas as pd
import pytest
from tiny_training import run_driver, write_backbone, write_split_examples

from components.train.epoch_validation import MONITORED

pytestmark = pytest.mark.long

KILL_STEP, STOP_STEP = 6, 11
KILL_STEPS = sorted(random.Random(20).sample(range(1, 18), 5))
RANDOM_STEP = random.Random(21).randrange(1, 18)
nightly = pytest.mark.nightly


@pytest.fixture(scope="module", params=["segmenter", pytest.param("classifier", marks=nightly)])
def network(request):
    return request.param


def run_scenarios(folder, network, *scenarios):
    """Run an undisturbed training and others with interruptions; return their folder and what each attempt left."""
    write_split_examples(folder / "splits")
    write_backbone(folder / "backbone.weights.h5")
    output = run_driver(folder, "interrupt", network, "undisturbed", *scenarios)
    return SimpleNamespace(folder=folder, **json.loads(output.splitlines()[-1]))


@pytest.fixture(scope="module")
def few_stops(tmp_path_factory, network):
    return run_scenarios(tmp_path_factory.mktemp("few"), network, f"stopped=save:{KILL_STEP},term:{STOP_STEP}")


@pytest.fixture(scope="module")
def many_stops(tmp_path_factory, network):
    kills = ",".join(f"kill:{step}" for step in KILL_STEPS)
    scenarios = [f"killed={kills}", f"asked=term:{RANDOM_STEP},validation:2,export"]
    return run_scenarios(tmp_path_factory.mktemp("many"), network, *scenarios)


def statuses(attempts):
    return [attempt["status"] for attempt in attempts]


def history(folder, name):
    return pd.read_csv(folder / name / "run" / "history.csv")


def assert_same_result(folder, name):
    """The training gave the same network and the same history as the undisturbed one."""
    for file in ("network.weights.h5", "network.json", "history.csv"):
        assert (folder / name / "run" / file).read_bytes() == (folder / "undisturbed" / "run" / file).read_bytes(), file


@pytest.mark.parametrize("network", ["segmenter"], indirect=True)
def test_the_first_epoch_is_the_best_so_checkpoints_must_keep_it(network, few_stops):
    assert history(few_stops.folder, "undisturbed")[MONITORED[network]].idxmax() == 0


def test_a_training_killed_while_saving_and_stopped_gives_the_same_result(few_stops):
    assert statuses(few_stops.stopped) == [-9, 143, 0]
    assert_same_result(few_stops.folder, "stopped")


def test_a_training_asked_to_stop_saves_its_current_step(few_stops):
    _, asked, last = (attempt["files"] for attempt in few_stops.stopped)
    assert asked[-1] == f"step-{STOP_STEP:09d}.npz"
    assert last == ["step-000000015.npz", "step-000000018.npz"]


def test_a_partly_written_checkpoint_is_ignored_and_removed(few_stops):
    killed, after, _ = (attempt["files"] for attempt in few_stops.stopped)
    partial, complete = sorted(killed)
    assert partial.startswith(".part-")
    assert partial.endswith(f"step-{KILL_STEP:09d}.npz")
    assert complete == "step-000000003.npz"
    assert after == ["step-000000009.npz", f"step-{STOP_STEP:09d}.npz"]


@nightly
def test_a_training_killed_at_random_steps_gives_the_same_result(many_stops):
    assert statuses(many_stops.killed) == [-9] * len(KILL_STEPS) + [0]
    assert_same_result(many_stops.folder, "killed")


@nightly
def test_a_stop_during_validation_saves_the_step_before_it(many_stops):
    step, validation, *_ = many_stops.asked
    assert (step["status"], validation["status"]) == (143, 143)
    assert f"step-{RANDOM_STEP:09d}.npz" in step["files"]
    ends = [f"step-{last:09d}.npz" for last in (6, 12, 18) if last >= RANDOM_STEP]
    assert ends[0] in validation["files"]


@nightly
def test_a_training_killed_during_export_exports_the_network_again(many_stops):
    assert statuses(many_stops.asked) == [143, 143, -9, 0]
    assert_same_result(many_stops.folder, "asked")


@pytest.mark.parametrize("name", ["undisturbed", "stopped"])
def test_live_plots_hold_one_row_per_epoch(network, few_stops, name):
    score, expected = MONITORED[network], history(few_stops.folder, name)
    rows = pd.read_csv(few_stops.folder / name / "live" / "plots" / "metrics" / f"{score}.tsv", sep="\t")
    assert rows["step"].tolist() == [0, 1, 2]
    assert rows[score].tolist() == pytest.approx(expected[score].tolist())
