"""Tiny sets of slices, and trainings of them, for the tests of the training room."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf
from conftest import IMPORTS, SUPPORT, tiny_tree
from small_backbone import Small

from components.common import params as parameters
from components.convert.shards import examples
from components.scans.scan import Scan
from components.train.stage import train
from components.train.training_slices import Slices

SIZE = 32
SPLIT_NAMES = {"train": 6, "val": 3}  # patients, 8 slices each
NO_AUGMENTATION = dict.fromkeys(
    ("rotate", "zoom", "shift", "intensity", "gamma", "bias", "elastic", "blur", "missing", "thick"), 0.0
)
NO_AUGMENTATION["flip"] = False
LIGHT = NO_AUGMENTATION | {"intensity": 0.1}  # draws for every slice, and is soon compiled


def spotted_scan(patient, slices=8, size=SIZE, seed=5, *, decoy=False):
    """Noise with a bright spot, elsewhere in each slice, which is the tumour; none in the first two and the last.

    With `decoy` the tumour is as dark as the rest, and the spot is none of it.
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
    """Write scans as `convert` does, patients dealt to shards in turn; return the pattern of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(shards):
        name = f"examples-{shard:05d}-of-{shards:05d}.tfrecord.gz"
        with tf.io.TFRecordWriter(str(folder / name), tf.io.TFRecordOptions("GZIP")) as writer:
            for scan in scans[shard::shards]:
                for example in examples(scan, neighbors):
                    writer.write(example)
    return str(folder / "*")


def write_sides(folder, **arguments):
    """Write Split-train/ and Split-val/ of made-up patients.

    What a segmenter learns from the former is wrong for the latter: its first epoch stays the best.
    """
    for side, patients in SPLIT_NAMES.items():
        scans = [spotted_scan(f"{side}{number}", decoy=side == "val") for number in range(patients)]
        write_shards(folder / f"Split-{side}", scans, shards=2, **arguments)


def slices_of(scans):
    """The `Slices` of scans, in memory."""
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
    """Slices of three patients, a batch or two."""
    return slices_of([spotted_scan(f"p{i}", slices=5 + i) for i in range(3)])


def changed(params, network=None, *, training=None, seed=None, **recipe):
    """Parameters with other values for one network, of `training`, or another seed."""
    tree = params.model_dump()
    if network:
        augment = tree[network]["augment"] | recipe.pop("augment", {})
        tree[network] |= recipe | {"augment": augment}
    tree["training"] |= training or {}
    return parameters.Params.model_validate(tree | ({} if seed is None else {"seed": seed}))


def tiny(folder):
    """Parameters of a training of 3 epochs of 6 steps that keeps its cache and its checkpoints in a folder."""
    places = {"cache": str(folder / "cache"), "checkpoints": str(folder / "checkpoints"), "checkpoint_steps": 3}
    shared = {"image_size": SIZE, "epochs": 3, "batch_size": 8}
    params = changed(
        parameters.parse(tiny_tree()), "segmenter", filters=[2, 2], learning_rate=0.1, **shared, training=places
    )
    return changed(params, "classifier", backbone=Small.__name__, augment=LIGHT, **shared)


def run(network, params, sides, run_dir, **arguments):
    """Train on the slices that `write_sides` wrote."""
    train_files, val_files = ([f"{sides}/Split-{side}/*"] for side in SPLIT_NAMES)
    return train(network, params, train_files, val_files, run_dir, **arguments)


def drive(folder, *arguments):
    """Run `training_driver.py` in a folder; returns what it printed."""
    command = [sys.executable, SUPPORT / "training_driver.py", *arguments]
    (folder / "temporary").mkdir(exist_ok=True)  # killed processes clear nothing away
    places = {"PYTHONPATH": IMPORTS, "TMPDIR": str(folder / "temporary")}
    environment = {**os.environ, **places, "TQDM_DISABLE": "1"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-3000:]
    return result.stdout


def write_backbone(path):
    """Weights of the small backbone, random, with statistics that fit slices: else no signal would reach its end."""
    keras.utils.set_random_seed(7)
    backbone = Small(input_shape=(SIZE, SIZE, 3))
    norms = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0
    backbone(spotted_scan("p", slices=32).image / 127.5 - 1.0, training=True)
    backbone.save_weights(path)
