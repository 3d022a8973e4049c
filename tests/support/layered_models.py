"""Layered models of which a test knows what they do: hand-set networks for the demo's patients.

A tumour of the demo is much brighter in FLAIR than before contrast, and nothing else is; where pre-contrast is missing
these models are blind.
"""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import keras
import numpy as np
import small_backbone  # noqa: F401 - adds a backbone
import tensorflow as tf
from finished import once_for_all
from layered_choices import CHOICES

from components.common.layout import SERVING
from components.layered.litert_files import ENTRY, described
from components.layered.writer import write_assets
from components.scans.identity import fingerprint
from models.networks.network_files import build, save_network
from models.serving.layered_model import Layered
from models.serving.litert_export import litert

HERE = ["--runner=FnApiRunner", "--direct_num_workers=1"]
SIZE = 64
PLACEHOLDERS = {"cut": 35.3125, "spot": 35.3125, "gain": 0.8130081}  # found again in a LiteRT file
CUT = 35.0  # grey levels by which a tumour's FLAIR is brighter, with room for noise
NETWORKS = ("classifier", "segmenter")
TRAINED = {
    "classifier": {"name": "Small", "weights": "none", "strategy": "finetune", "size": SIZE, "pooling": "max"},
    "segmenter": {"filters": [2, 2], "size": SIZE, "normalization": "unit"},
}


def bright(slices):
    """FLAIR less pre-contrast, grey levels."""
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    difference = layer(slices)
    layer.set_weights([np.array([-1.0, 1.0, 0.0]).reshape(1, 1, 3, 1)])
    return difference


def squashed(values, cut, gain):
    """Probability 0.5 at the cut; the gain is how fast it grows there."""
    layer = keras.layers.Dense(1, activation="sigmoid")
    probability = layer(values)
    layer.set_weights([np.array([[gain]]), np.array([-gain * cut])])
    return probability


def networks(cut, spot, gain):
    """The least that makes a classifier, which looks for bright spots of 4 x 4 pixels, and a segmenter."""
    slices, pixels = keras.Input((SIZE, SIZE, 3)), keras.Input((SIZE, SIZE, 3))
    spots = keras.layers.GlobalMaxPooling2D()(keras.layers.AveragePooling2D(4)(bright(slices)))
    return keras.Model(slices, squashed(spots, spot, gain)), keras.Model(pixels, squashed(bright(pixels), cut, gain))


def write_layered(folder, *, cut=CUT, spot=CUT, gain=0.2, people=(), light=True, **choices):
    """Write a layered model as assemble does.

    Args:
        cut, spot: what a pixel, and a spot, must be brighter by to have a probability of a half.
        people: names of the patients that it has learned from.
        light: whether it has LiteRT files, as all but those of earlier versions have.
        choices: for layered.json.

    Returns:
        What layered.json says.
    """
    record = {
        **CHOICES,
        "made_from": {name: {"people": sorted({fingerprint(one) for one in people})} for name in NETWORKS},
    } | choices
    place = Path(folder) / SERVING
    shutil.copytree(made() / SERVING, place)
    set_values(place, record | {"cut": cut, "spot": spot, "gain": gain})
    files = light_files({"cut": cut, "spot": spot, "gain": gain}) if light else {}
    record |= {ENTRY: described(files)} if light else {}
    write_assets(place, record, files)
    return record


def light_files(values):
    """The LiteRT files with these values in place of the placeholders."""
    files = {}
    for name, kind in (("classifier", "spot"), ("segmenter", "cut")):
        files[name] = (made() / f"{name}.tflite").read_bytes()
        for was, now in zip(weights(PLACEHOLDERS, kind), weights(values, kind), strict=True):
            assert files[name].count(was) == 1, name
            files[name] = files[name].replace(was, now)
    return files


def weights(values, kind):
    """Both weights of the layer that squashes, as they lie in a file."""
    return [np.float32(value).tobytes() for value in (values["gain"], -values["gain"] * values[kind])]


@functools.cache
def made():
    """A folder with a SavedModel of these networks, and with their LiteRT files, the placeholders in them.

    To trace, save and convert them is dear, and all others differ from them in values alone.
    """
    return once_for_all("layered networks", make)


def make(folder):
    Layered(*networks(CUT, CUT, 1.0)).save(folder / SERVING)
    for name, network in zip(NETWORKS, networks(**PLACEHOLDERS), strict=True):
        (folder / f"{name}.tflite").write_bytes(litert(network))


def set_values(place, choices):
    """Write a SavedModel's variables once more, with these choices in place of the thresholds and weights in it."""
    prefix = str(place / "variables" / "variables")
    reader = tf.train.load_checkpoint(prefix)
    values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    cuts, gain = {"classifier": choices["spot"], "segmenter": choices["cut"]}, choices["gain"]
    changed = []
    for name, value in values.items():
        kind, shape = name.removeprefix("weights/").partition("/")[0], np.shape(value)
        if kind in cuts and shape in ((1, 1), (1,)):  # of the layer that squashes
            values[name] = np.full(shape, gain if shape == (1, 1) else -gain * cuts[kind], np.float32)
            changed.append(kind)
        elif kind in choices:
            values[name] = np.float32(choices[kind])
            changed.append(kind)
    assert len(changed) == 8, changed  # two weights of two networks, two thresholds, two temperatures
    for file in (place / "variables").iterdir():
        file.unlink()
    names = sorted(values)
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(values[name]) for name in names],
    )


def write_trained(folder, people, *, cut=25.0, gain=0.5):
    """Write both networks as the trainings do, real ones whose weights are set to find bright pixels."""
    for name, settle in (("classifier", settle_classifier), ("segmenter", settle_segmenter)):
        network = build(name, TRAINED[name])
        for weight in network.weights:
            weight.assign(np.full(weight.shape, float(weight.name in ("gamma", "moving_variance"))))
        settle(network, cut, gain)
        made_from = {"code": "0" * 16, "people": sorted({fingerprint(one) for one in people})}
        save_network(Path(folder) / name, network, TRAINED[name], made_from)


def settle_segmenter(network, cut, gain):
    """What is bright passes the first block and the uppermost skip; all else is 0."""
    first, second, *others = [layer for layer in network.layers if type(layer) is keras.layers.Conv2D]
    weigh(first, (1, 1), {(0, 0): -1.0, (1, 0): 1.0})
    weigh(second, (1, 1), {(0, 0): 1.0})
    for layer in others:
        if layer.kernel.shape == (1, 1, 4, 2):  # after two maps from below, there are two of the skip
            weigh(layer, (0, 0), {(2, 0): 1.0})
    weigh(network.get_layer("tumor"), (0, 0), {(0, 0): gain * 127.5}, bias=-gain * cut)


def settle_classifier(network, cut, gain):
    """How much is bright by more than the cut, averaged from layer to layer, decides."""
    (trunk,) = (layer for layer in network.layers if isinstance(layer, keras.Model))
    first, *others = (layer for layer in trunk.layers if isinstance(layer, keras.layers.Conv2D))
    for layer, kernel in [(first, np.array([-1.0, 1.0]) * 127.5), *((layer, np.ones(1)) for layer in others)]:
        values = np.zeros(layer.kernel.shape)
        values[:, :, : len(kernel), 0] = kernel / 9
        layer.kernel.assign(values)
    trunk.get_layer("conv1_bn").beta.assign(-cut * np.eye(first.filters)[0])
    weigh(network.get_layer("tumor_probability"), (), {(0, 0): 250 * gain}, bias=-2.0)


def weigh(layer, place, kernel, bias=None):
    values = np.zeros(layer.kernel.shape)
    for maps, value in kernel.items():
        values[(*place, *maps)] = value
    layer.kernel.assign(values)
    if bias is not None:
        layer.bias.assign([bias])
