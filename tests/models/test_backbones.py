"""Pyramids of feature maps from backbones, and encoders passed from a segmenter to a classifier."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from models.networks.backbones import WeightsUnavailableError, backbone, pyramid, save_encoder
from models.networks.resunet import resunet
from models.networks.transfer_resunet import transfer_resunet

pytest_plugins = ["tiny_networks"]
pytestmark = [pytest.mark.usefixtures("seeded"), pytest.mark.xdist_group("backbones")]


def noise(channels: int = 3, size: int = 32, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (2, size, size, channels)).astype("float32")


@pytest.mark.parametrize(
    ("name", "channels"),
    [("MobileNet", [64, 128, 256, 512, 1024]), pytest.param("ResNet50", [64, 256, 512], marks=pytest.mark.nightly)],
)
def test_a_pyramid_outputs_the_last_feature_maps_of_each_size(name, channels):
    network = pyramid(name, "none", 64, len(channels))
    assert [tuple(maps.shape) for maps in network.outputs] == [
        (None, 64 >> level, 64 >> level, count) for level, count in enumerate(channels, start=1)
    ]


def test_more_levels_than_the_backbone_has_are_refused():
    with pytest.raises(ValueError, match="Small has no feature maps of 0 x 0 pixels; take fewer filters"):
        pyramid("Small", "none", 32, 6)


def test_neighbours_initially_have_no_influence(backbone_weights):
    alone = backbone("Small", str(backbone_weights), 32)
    together = backbone("Small", str(backbone_weights), 32, neighbors=1)
    own, others = noise(), noise(seed=6)
    for images in ([others, own, others], [own, own, own]):
        found = together(np.concatenate(images, axis=-1), training=False)
        assert np.allclose(found, alone(own, training=False), atol=1e-5)
    kernel = together.layers[1].kernel
    kernel.assign(kernel + 0.1)
    shifted = together(np.concatenate([others, own, others], axis=-1), training=False)
    assert not np.allclose(shifted, together(np.concatenate([own, own, own], axis=-1), training=False), atol=1e-3)


@pytest.mark.parametrize("neighbors", [0, 1])
def test_a_classifier_starts_from_the_encoder_of_a_segmenter(neighbors, backbone_weights, tmp_path):
    parameters = {"backbone": "Small", "weights": str(backbone_weights), "size": 32, "neighbors": neighbors}
    segmenter = transfer_resunet((2, 2, 4, 4, 8), **parameters)
    encoder = segmenter.get_layer("Small_pyramid")
    encoder.set_weights([weight + 0.01 for weight in encoder.get_weights()])
    path = tmp_path / "encoder.weights.h5"
    save_encoder(segmenter, "Small", path)
    classifier_backbone = backbone("Small", str(path), 32, "avg", neighbors)
    images = noise(3 * (2 * neighbors + 1))
    expected = encoder(images, training=False)[-1]
    assert np.allclose(classifier_backbone(images, training=False), keras.ops.mean(expected, axis=(1, 2)), atol=1e-5)


def test_part_of_a_backbone_is_not_saved_as_a_whole_one(tmp_path):
    partial = transfer_resunet((2, 2, 4), backbone="Small", weights="none", size=32)
    for segmenter in (partial, resunet((4, 8), size=32)):
        with pytest.raises(ValueError, match="does not hold the whole of a Small"):
            save_encoder(segmenter, "Small", tmp_path / "encoder.weights.h5")
    assert not list(tmp_path.iterdir())


def test_weights_for_another_number_of_neighbours_are_refused(tmp_path):
    path = tmp_path / "wide.weights.h5"
    backbone("Small", "none", 32, neighbors=2).save_weights(path)
    with pytest.raises(WeightsUnavailableError, match=f"{path}: not weights of Small"):
        backbone("Small", str(path), 32, neighbors=1)
