"""A network that is stored and loaded again gives the same outputs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.networks import network_files
from models.networks.resunet import resunet

pytest_plugins = ["tiny_networks"]
pytestmark = [pytest.mark.usefixtures("seeded"), pytest.mark.xdist_group("layered")]

SEGMENTER = {
    "filters": [4, 8, 8, 8],
    "size": 32,
    "normalization": "slice",
    "head": "sigmoid",
    "upsampling": "transpose",
}
CLASSIFIER = {
    "name": "Small",
    "weights": "none",
    "size": 32,
    "strategy": "finetune",
    "pooling": "max",
    "dropout": 0.2,
    "seed": 7,
}


def noise(size: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (3, size, size, 3)).astype("float32")


def check_same(loaded, saved):
    for new, old in zip(loaded.weights, saved.weights, strict=True):
        assert np.array_equal(new, old), old.path
    images = noise(saved.input_shape[1])
    output = saved(images, training=False)
    assert output.numpy().std() > 0
    assert np.array_equal(loaded(images, training=False), output)


def test_a_loaded_classifier_gives_identical_outputs(slice_classifier, tmp_path):
    network_files.save_network(tmp_path / "new" / "folder", slice_classifier, CLASSIFIER)
    loaded = network_files.load_network(tmp_path / "new" / "folder")
    assert loaded.name == "classifier"
    check_same(loaded, slice_classifier)


def test_a_loaded_segmenter_gives_identical_outputs(segmenter, tmp_path):
    network_files.save_network(tmp_path, segmenter, SEGMENTER)
    loaded = network_files.load_network(tmp_path)
    assert loaded.name == "segmenter"
    check_same(loaded, segmenter)


def test_build_passes_on_all_arguments(tmp_path):
    arguments = {"filters": [4, 6], "size": 16, "normalization": "unit", "head": "softmax", "upsampling": "nearest"}
    built = network_files.build("segmenter", arguments)
    assert built.input_shape == (None, 16, 16, 3)
    kinds = [type(layer).__name__ for layer in built.layers]
    assert kinds.count("UpSampling2D") == 2
    assert kinds.count("Softmax") == 1
    direct = resunet(**arguments)
    direct.set_weights(built.get_weights())
    check_same(built, direct)
    network_files.save_network(tmp_path, built, arguments)
    loaded = network_files.load_network(tmp_path)
    assert [type(layer).__name__ for layer in loaded.layers] == kinds
    check_same(loaded, built)


def test_the_record_says_how_the_network_was_built(segmenter, tmp_path):
    network_files.save_network(tmp_path, segmenter, SEGMENTER, {"data": "a hash"})
    record = json.loads((tmp_path / "network.json").read_text())
    assert record == {"network": "segmenter", "arguments": SEGMENTER, "made_from": {"data": "a hash"}}


def test_loading_does_not_need_the_pretrained_weights_again(slice_classifier, tmp_path):
    weights = str(tmp_path / "gone.weights.h5")
    network_files.save_network(tmp_path, slice_classifier, CLASSIFIER | {"weights": weights})
    assert json.loads((tmp_path / "network.json").read_text())["arguments"]["weights"] == weights
    check_same(network_files.load_network(tmp_path), slice_classifier)


def test_a_half_precision_copy_is_half_the_size_and_nearly_equal(slice_classifier, tmp_path):
    network_files.save_network(tmp_path / "whole", slice_classifier, CLASSIFIER, {"data": "a hash"})
    network_files.halve(tmp_path / "whole", tmp_path / "half")
    loaded = network_files.load_network(tmp_path / "half")
    images = noise(32)
    expected = slice_classifier(images, training=False).numpy()
    assert np.abs(loaded(images, training=False) - expected).max() < 0.02
    assert {str(variable.dtype) for variable in loaded.weights if "seed" not in variable.path} == {"float32"}
    assert (tmp_path / "half/network.json").read_bytes() == (tmp_path / "whole/network.json").read_bytes()
    sizes = [(tmp_path / name / "network.weights.h5").stat().st_size for name in ("half", "whole")]
    assert sizes[0] < 0.6 * sizes[1]


def test_half_precision_files_are_reproducible(segmenter, tmp_path):
    network_files.save_network(tmp_path / "whole", segmenter, SEGMENTER)
    for name in ("one", "other"):
        network_files.halve(tmp_path / "whole", tmp_path / name)
    one, other = ((tmp_path / name / "network.weights.h5").read_bytes() for name in ("one", "other"))
    assert one == other
