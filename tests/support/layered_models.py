"""Layered models with known behaviour: networks with hand-set weights for the demo's patients.

In the demo, only a tumour is much brighter in FLAIR than before contrast. Where pre-contrast is missing, these models
find nothing.
"""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import keras
import numpy as np
import small_backbone  # noqa: F401 - adds a backbone
import tensorflow as tf
from finished_project import make_once_in_session
from layered_choices import CHOICES

from components.common.layout import SERVING
from components.layered.litert_files import ENTRY, described
from components.layered.writer import write_assets
from components.scans.identity import fingerprint
from models.networks.network_files import build, save_network
from models.serving.layered_model import Layered
from models.serving.litert_export import litert

LOCAL_RUNNER = ["--runner=FnApiRunner", "--direct_num_workers=1"]
SIZE = 64
PLACEHOLDERS = {"cut": 35.3125, "spot": 35.3125, "gain": 0.8130081}  # values that are easy to find in a LiteRT file
BRIGHTNESS_CUT = 35.0  # grey levels by which a tumour is brighter in FLAIR, less some room for noise
NETWORKS = ("classifier", "segmenter")
TRAINED = {
    "classifier": {"name": "Small", "weights": "none", "strategy": "finetune", "size": SIZE, "pooling": "max"},
    "segmenter": {"filters": [2, 2], "size": SIZE, "normalization": "unit"},
}


def flair_minus_precontrast(slices):
    """FLAIR minus pre-contrast, in grey levels."""
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    difference = layer(slices)
    layer.set_weights([np.array([-1.0, 1.0, 0.0]).reshape(1, 1, 3, 1)])
    return difference


def sigmoid_at(values, cut, gain):
    """A sigmoid: probability 0.5 at the cut, with the steepness `gain`."""
    layer = keras.layers.Dense(1, activation="sigmoid")
    probability = layer(values)
    layer.set_weights([np.array([[gain]]), np.array([-gain * cut])])
    return probability


def build_networks(cut, spot, gain):
    """A minimal classifier, which looks for bright spots of 4 x 4 pixels, and a minimal segmenter."""
    slices, pixels = keras.Input((SIZE, SIZE, 3)), keras.Input((SIZE, SIZE, 3))
    spots = keras.layers.GlobalMaxPooling2D()(keras.layers.AveragePooling2D(4)(flair_minus_precontrast(slices)))
    return keras.Model(slices, sigmoid_at(spots, spot, gain)), keras.Model(
        pixels, sigmoid_at(flair_minus_precontrast(pixels), cut, gain)
    )


def write_layered(folder, *, cut=BRIGHTNESS_CUT, spot=BRIGHTNESS_CUT, gain=0.2, people=(), with_litert=True, **choices):
    """Write a layered model as assemble does.

    Args:
        cut, spot: how much brighter a pixel, and a spot, must be in FLAIR to have the probability 0.5.
        people: names of the patients that it was trained on.
        with_litert: whether it has LiteRT files; models of earlier versions have none.
        choices: entries of layered.json to replace.

    Returns:
        The content of layered.json.
    """
    record = {
        **CHOICES,
        "made_from": {name: {"people": sorted({fingerprint(one) for one in people})} for name in NETWORKS},
    } | choices
    serving_folder = Path(folder) / SERVING
    shutil.copytree(base_model_folder() / SERVING, serving_folder)
    set_values(serving_folder, record | {"cut": cut, "spot": spot, "gain": gain})
    files = litert_files_with({"cut": cut, "spot": spot, "gain": gain}) if with_litert else {}
    record |= {ENTRY: described(files)} if with_litert else {}
    write_assets(serving_folder, record, files)
    return record


def litert_files_with(values):
    """The LiteRT files with these values in place of the placeholders."""
    files = {}
    for name, kind in (("classifier", "spot"), ("segmenter", "cut")):
        files[name] = (base_model_folder() / f"{name}.tflite").read_bytes()
        for old, new in zip(weight_bytes(PLACEHOLDERS, kind), weight_bytes(values, kind), strict=True):
            assert files[name].count(old) == 1, name
            files[name] = files[name].replace(old, new)
    return files


def weight_bytes(values, kind):
    """Both weights of the sigmoid layer, as bytes of a file."""
    return [np.float32(value).tobytes() for value in (values["gain"], -values["gain"] * values[kind])]


@functools.cache
def base_model_folder():
    """A folder with a SavedModel of these networks, and their LiteRT files with placeholders.

    Tracing, saving and converting are slow, and all other models differ only in their values.
    """
    return make_once_in_session("layered networks", write_base_model)


def write_base_model(folder):
    Layered(*build_networks(BRIGHTNESS_CUT, BRIGHTNESS_CUT, 1.0)).save(folder / SERVING)
    for name, network in zip(NETWORKS, build_networks(**PLACEHOLDERS), strict=True):
        (folder / f"{name}.tflite").write_bytes(litert(network))


def set_values(serving_folder, choices):
    """Rewrite the variables of a SavedModel, with the thresholds and weights of these choices."""
    prefix = str(serving_folder / "variables" / "variables")
    reader = tf.train.load_checkpoint(prefix)
    values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    cuts, gain = {"classifier": choices["spot"], "segmenter": choices["cut"]}, choices["gain"]
    changed = []
    for name, value in values.items():
        kind, shape = name.removeprefix("weights/").partition("/")[0], np.shape(value)
        if kind in cuts and shape in ((1, 1), (1,)):  # of the sigmoid layer
            values[name] = np.full(shape, gain if shape == (1, 1) else -gain * cuts[kind], np.float32)
            changed.append(kind)
        elif kind in choices:
            values[name] = np.float32(choices[kind])
            changed.append(kind)
    assert len(changed) == 8, changed  # two weights of two networks, two thresholds, two temperatures
    for file in (serving_folder / "variables").iterdir():
        file.unlink()
    names = sorted(values)
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(values[name]) for name in names],
    )


def write_trained(folder, people, *, cut=25.0, gain=0.5):
    """Write both networks as the trainings do: real ones, with weights that find bright pixels."""
    for name, set_all_weights in (("classifier", set_classifier_weights), ("segmenter", set_segmenter_weights)):
        network = build(name, TRAINED[name])
        for weight in network.weights:
            weight.assign(np.full(weight.shape, float(weight.name in ("gamma", "moving_variance"))))
        set_all_weights(network, cut, gain)
        made_from = {"code": "0" * 16, "people": sorted({fingerprint(one) for one in people})}
        save_network(Path(folder) / name, network, TRAINED[name], made_from)


def set_segmenter_weights(network, cut, gain):
    """Let brightness pass through the first block and the uppermost skip connection; all else is 0."""
    first, second, *others = [layer for layer in network.layers if type(layer) is keras.layers.Conv2D]
    set_kernel(first, (1, 1), {(0, 0): -1.0, (1, 0): 1.0})
    set_kernel(second, (1, 1), {(0, 0): 1.0})
    for layer in others:
        if layer.kernel.shape == (1, 1, 4, 2):  # two maps from below, followed by two of the skip connection
            set_kernel(layer, (0, 0), {(2, 0): 1.0})
    set_kernel(network.get_layer("tumor"), (0, 0), {(0, 0): gain * 127.5}, bias=-gain * cut)


def set_classifier_weights(network, cut, gain):
    """Let the brightness above the cut, averaged from layer to layer, decide."""
    (backbone,) = (layer for layer in network.layers if isinstance(layer, keras.Model))
    first, *others = (layer for layer in backbone.layers if isinstance(layer, keras.layers.Conv2D))
    for layer, kernel in [(first, np.array([-1.0, 1.0]) * 127.5), *((layer, np.ones(1)) for layer in others)]:
        values = np.zeros(layer.kernel.shape)
        values[:, :, : len(kernel), 0] = kernel / 9
        layer.kernel.assign(values)
    backbone.get_layer("conv1_bn").beta.assign(-cut * np.eye(first.filters)[0])
    set_kernel(network.get_layer("tumor_probability"), (), {(0, 0): 250 * gain}, bias=-2.0)


def set_kernel(layer, serving_folder, kernel, bias=None):
    values = np.zeros(layer.kernel.shape)
    for maps, value in kernel.items():
        values[(*serving_folder, *maps)] = value
    layer.kernel.assign(values)
    if bias is not None:
        layer.bias.assign([bias])
