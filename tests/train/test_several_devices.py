"""Trainings on several devices and on several machines, which processes of one machine stand in for."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tiny_training import few_slices, run_driver, write_split_examples

from components.train.sampling import Sampler

pytestmark = [pytest.mark.long, pytest.mark.nightly]  # by day, test_devices.py tests the choice of devices


@pytest.fixture(scope="module")
def distributed_runs(tmp_path_factory):
    """The folder with the batches of two processors, and with trainings on two processors and on two machines."""
    folder = tmp_path_factory.mktemp("distributed")
    write_split_examples(folder / "splits")
    run_driver(folder, "distribute")
    return folder


def test_every_batch_is_split_between_two_replicas(distributed_runs):
    slices = few_slices()
    sampler = Sampler(slices.has_tumor, 8, seed=1)
    with np.load(distributed_runs / "parts.npz") as parts:
        images, masks = parts["images"], parts["masks"]
    assert images.shape[:3] == (3, 2, 4)  # batches, replicas, slices
    for step, replica_images, replica_masks in zip((2, 3, 4), images, masks, strict=True):
        np.testing.assert_array_equal(np.concatenate(replica_images), slices.images[sampler(step)])
        np.testing.assert_array_equal(np.concatenate(replica_masks), slices.masks[sampler(step)] / 255)


def history(folder, name):
    found = pd.read_csv(folder / name / "0" / "run" / "history.csv")
    assert len(found) == 2
    return found


def test_two_machines_train_like_two_processors_of_one_machine(distributed_runs):
    pd.testing.assert_frame_equal(
        history(distributed_runs, "mirrored"), history(distributed_runs, "workers"), rtol=1e-5
    )


def test_both_machines_report_the_same_scores(distributed_runs):
    one, other = (json.loads((distributed_runs / "workers" / number / "reported.json").read_text()) for number in "01")
    assert len(one) == len(other) == 2
    for mine, others in zip(one, other, strict=True):
        assert mine == pytest.approx(others, rel=1e-6)


def test_one_machine_resumes_from_the_checkpoint_of_two(distributed_runs):
    run_driver(distributed_runs, "resume")
    pd.testing.assert_frame_equal(history(distributed_runs, "resumed"), history(distributed_runs, "workers"), rtol=1e-5)


def test_only_the_first_worker_writes(distributed_runs):
    written = {path.relative_to(distributed_runs).parts[1] for path in (distributed_runs / "workers").glob("*/run/*")}
    assert written == {"0"}
    assert (distributed_runs / "workers" / "0" / "live").is_dir()
    assert not (distributed_runs / "workers" / "1" / "live").exists()
    saved = sorted(path.name for path in (distributed_runs / "workers" / "checkpoints" / "segmenter").iterdir())
    assert saved == ["step-000000006.npz", "step-000000012.npz"]
