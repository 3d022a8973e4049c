"""Trainings on several devices and machines, each a process that believes it has its own."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tiny_training import drive, few_slices, write_sides

from components.train.sampling import Sampler

pytestmark = [pytest.mark.long, pytest.mark.nightly]  # by day: what is asked of devices, test_devices.py


@pytest.fixture(scope="module")
def spread(tmp_path_factory):
    """Folder of what two processors of one machine got, and of the same training on them and on two machines."""
    folder = tmp_path_factory.mktemp("spread")
    write_sides(folder / "sides")
    drive(folder, "spread")
    return folder


def test_two_replicas_get_the_halves_of_every_batch(spread):
    slices = few_slices()
    sampler = Sampler(slices.has_tumor, 8, seed=1)
    with np.load(spread / "parts.npz") as parts:
        images, masks = parts["images"], parts["masks"]
    assert images.shape[:3] == (3, 2, 4)  # batches, replicas, slices
    for step, some_images, some_masks in zip((2, 3, 4), images, masks, strict=True):
        np.testing.assert_array_equal(np.concatenate(some_images), slices.images[sampler(step)])
        np.testing.assert_array_equal(np.concatenate(some_masks), slices.masks[sampler(step)] / 255)


def history(folder, name):
    found = pd.read_csv(folder / name / "0" / "run" / "history.csv")
    assert len(found) == 2
    return found


def test_two_machines_train_as_two_processors_of_one(spread):
    pd.testing.assert_frame_equal(history(spread, "mirrored"), history(spread, "workers"), rtol=1e-5)


def test_both_machines_come_to_the_same_scores(spread):
    one, other = (json.loads((spread / "workers" / number / "told.json").read_text()) for number in "01")
    assert len(one) == len(other) == 2
    for mine, others in zip(one, other, strict=True):
        assert mine == pytest.approx(others, rel=1e-6)


def test_one_machine_goes_on_from_the_checkpoint_of_two(spread):
    drive(spread, "moved")
    pd.testing.assert_frame_equal(history(spread, "moved"), history(spread, "workers"), rtol=1e-5)


def test_only_the_first_worker_writes(spread):
    written = {path.relative_to(spread).parts[1] for path in (spread / "workers").glob("*/run/*")}
    assert written == {"0"}
    assert (spread / "workers" / "0" / "live").is_dir()
    assert not (spread / "workers" / "1" / "live").exists()
    saved = sorted(path.name for path in (spread / "workers" / "checkpoints" / "segmenter").iterdir())
    assert saved == ["step-000000006.npz", "step-000000012.npz"]
