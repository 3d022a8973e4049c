from __future__ import annotations

import json

import numpy as np
import pytest

from models import storage

SEGMENTER = {"filters": [4, 8, 8, 8], "size": 32, "head": "sigmoid", "upsampling": "transpose"}
CLASSIFIER = {
    "name": "MobileNet",
    "weights": "none",
    "size": 32,
    "strategy": "finetune",
    "pooling": "max",
    "dropout": 0.2,
    "seed": 7,
}


def noise() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (3, 32, 32, 3)).astype("float32")


def check_same(loaded, saved):
    for new, old in zip(loaded.weights, saved.weights, strict=True):
        assert np.array_equal(new, old), old.path
    output = saved(noise(), training=False)
    assert output.numpy().std() > 0
    assert np.array_equal(loaded(noise(), training=False), output)


def test_the_classifier_comes_back_with_identical_outputs(slice_classifier, tmp_path):
    storage.save_network(tmp_path / "new" / "folder", slice_classifier, CLASSIFIER)
    loaded = storage.load_network(tmp_path / "new" / "folder")
    assert loaded.name == "classifier"
    check_same(loaded, slice_classifier)


def test_the_segmenter_comes_back_with_identical_outputs(segmenter, tmp_path):
    storage.save_network(tmp_path, segmenter, SEGMENTER)
    loaded = storage.load_network(tmp_path)
    assert loaded.name == "segmenter"
    check_same(loaded, segmenter)


@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
@pytest.mark.parametrize("upsampling", ["transpose", "nearest"])
def test_build_passes_on_all_arguments(head, upsampling, tmp_path):
    arguments = SEGMENTER | {"filters": [4, 6], "head": head, "upsampling": upsampling}
    built = storage.build("segmenter", arguments)
    storage.save_network(tmp_path, built, arguments)
    loaded = storage.load_network(tmp_path)
    assert [layer.name.rstrip("_0123456789") for layer in loaded.layers] == [
        layer.name.rstrip("_0123456789") for layer in built.layers
    ]
    check_same(loaded, built)


def test_the_record_says_how_the_network_was_built(segmenter, tmp_path):
    storage.save_network(tmp_path, segmenter, SEGMENTER)
    record = json.loads((tmp_path / "network.json").read_text())
    assert record == {"network": "segmenter", "arguments": SEGMENTER}


@pytest.mark.parametrize("weights", ["imagenet", "/nowhere/gone.weights.h5"])
def test_pretrained_weights_are_not_fetched_again(weights, slice_classifier, tmp_path):
    storage.save_network(tmp_path, slice_classifier, CLASSIFIER | {"weights": weights})
    assert json.loads((tmp_path / "network.json").read_text())["arguments"]["weights"] == weights
    check_same(storage.load_network(tmp_path), slice_classifier)
