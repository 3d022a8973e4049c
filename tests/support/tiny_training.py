"""Tiny sets of slices, and trainings on them, for the tests of the training stage."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf
from conftest import SUPPORT, TEST_PYTHONPATH, tiny_tree
from small_backbone import Small

from components.common import params as parameters
from components.convert.shards import examples
from components.scans.scan import Scan
from components.train.stage import train
from components.train.training_slices import Slices

SIZE = 32
PATIENT_COUNTS = {"train": 6, "val": 3}  # patients, 8 slices each
NO_AUGMENTATION = dict.fromkeys(
    ("rotate", "zoom", "shift", "intensity", "gamma", "bias", "elastic", "blur", "missing", "thick"), 0.0
)
NO_AUGMENTATION["flip"] = False
LIGHT_AUGMENTATION = NO_AUGMENTATION | {"intensity": 0.1}  # random for every slice, and quick to compile


def spotted_scan(patient, slices=8, size=SIZE, seed=5, *, decoy=False):
    """Noise with a bright spot, which is the tumour, at a different place in each slice but the first two and the last.

    With `decoy`, the tumour is as dark as the rest, and the spot is not part of it.
    """
    rng = np.random.default_rng([seed, *patient.encode()])
    image = rng.integers(0, 128, (slices, size, size, 3), dtype=np.uint8)
    mask = np.zeros((slices, size, size), bool)
    for number in range(2, slices - 1):
        row, column = rng.integers(1, size - 9, 2)
        mask[number, row : row + 8, column : column + 8] = True
    image[mask] += 100
    return Scan(patient, "DU", image, np.roll(mask, 12, axis=1) if decoy else mask, np.diag([1.0, 1.0, 5.0, 1.0]))


def write_shards(folder, scans, shards=1, neighbors=0):
    """Write scans as `convert` does, with patients assigned to shards in turn; return the pattern of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(shards):
        name = f"examples-{shard:05d}-of-{shards:05d}.tfrecord.gz"
        with tf.io.TFRecordWriter(str(folder / name), tf.io.TFRecordOptions("GZIP")) as writer:
            for scan in scans[shard::shards]:
                for example in examples(scan, neighbors):
                    writer.write(example)
    return str(folder / "*")


def write_split_examples(folder, **arguments):
    """Write Split-train/ and Split-val/ of made-up patients.

    What a segmenter learns from train is wrong for val, so its first epoch remains the best.
    """
    for split_name, patients in PATIENT_COUNTS.items():
        scans = [spotted_scan(f"{split_name}{number}", decoy=split_name == "val") for number in range(patients)]
        write_shards(folder / f"Split-{split_name}", scans, shards=2, **arguments)


def to_slices(scans):
    """Scans as `Slices`, in memory."""
    numbers = np.repeat(np.arange(len(scans)), [len(scan.image) for scan in scans])
    masks = np.concatenate([scan.mask for scan in scans])
    return Slices(
        images=np.concatenate([scan.image for scan in scans]),
        masks=255 * masks.astype(np.uint8)[..., None],
        order=np.arange(len(masks)),
        patients=numbers,
        has_tumor=masks.any(axis=(1, 2)),
    )


def few_slices():
    """Slices of three patients: one or two batches."""
    return to_slices([spotted_scan(f"p{i}", slices=5 + i) for i in range(3)])


def with_changes(params, network=None, *, training=None, seed=None, **recipe):
    """Parameters with some values of one network, of `training`, or the seed replaced."""
    tree = params.model_dump()
    if network:
        augment = tree[network]["augment"] | recipe.pop("augment", {})
        tree[network] |= recipe | {"augment": augment}
    tree["training"] |= training or {}
    return parameters.Params.model_validate(tree | ({} if seed is None else {"seed": seed}))


def tiny_training_params(folder):
    """Parameters of a training with 3 epochs of 6 steps, and with its cache and checkpoints in `folder`."""
    settings = {"cache": str(folder / "cache"), "checkpoints": str(folder / "checkpoints"), "checkpoint_steps": 3}
    shared = {"image_size": SIZE, "epochs": 3, "batch_size": 8}
    params = with_changes(
        parameters.parse(tiny_tree()), "segmenter", filters=[2, 2], learning_rate=0.1, **shared, training=settings
    )
    return with_changes(params, "classifier", backbone=Small.__name__, augment=LIGHT_AUGMENTATION, **shared)


def run_training(network, params, split_examples, run_dir, **arguments):
    """Train on the slices that `write_split_examples` wrote."""
    train_files, val_files = ([f"{split_examples}/Split-{split_name}/*"] for split_name in PATIENT_COUNTS)
    return train(network, params, train_files, val_files, run_dir, **arguments)


def run_driver(folder, *arguments):
    """Run `training_driver.py` in a folder; returns what it printed."""
    command = [sys.executable, SUPPORT / "training_driver.py", *arguments]
    (folder / "temporary").mkdir(exist_ok=True)  # killed processes remove nothing
    settings = {"PYTHONPATH": TEST_PYTHONPATH, "TMPDIR": str(folder / "temporary")}
    environment = {**os.environ, **settings, "TQDM_DISABLE": "1"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-3000:]
    return result.stdout


def write_backbone(path):
    """Write random weights of the small backbone, normalised for slices: otherwise no signal would pass through it."""
    keras.utils.set_random_seed(7)
    backbone = Small(input_shape=(SIZE, SIZE, 3))
    norm_layers = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norm_layers:
        norm.momentum = 0.0
    backbone(spotted_scan("p", slices=32).image / 127.5 - 1.0, training=True)
    backbone.save_weights(path)
