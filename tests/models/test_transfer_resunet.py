"""The ResUNet on a pre-trained encoder: outputs, feature maps and weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from small_backbone import Small

from models.networks import network_files
from models.networks.norms import BatchNormalization
from models.networks.transfer_resunet import transfer_resunet

pytest_plugins = ["tiny_networks"]
pytestmark = [pytest.mark.usefixtures("seeded"), pytest.mark.xdist_group("backbones")]

PARAMETERS = {"filters": [2, 4, 8, 8, 8], "backbone": "Small", "weights": "none", "size": 32}


def noise(channels: int = 3) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (3, 32, 32, channels)).astype("float32")


@pytest.mark.parametrize(
    ("backbone", "levels", "head", "neighbors"), [("Small", 2, "sigmoid", 0), ("MobileNet", 5, "softmax", 1)]
)
def test_the_network_gives_a_probability_for_every_pixel(backbone, levels, head, neighbors):
    network = transfer_resunet(
        **PARAMETERS | {"backbone": backbone, "filters": [4] * levels, "head": head, "neighbors": neighbors}
    )
    found = network(noise(3 * (2 * neighbors + 1)), training=False).numpy()
    assert found.shape == (3, 32, 32, 1)
    assert found.dtype == "float32"
    assert ((found >= 0) & (found <= 1)).all()
    assert network.name == "segmenter"


def test_only_slice_normalization_removes_brightness_and_contrast():
    for normalization, same in (("slice", True), ("unit", False)):
        network = transfer_resunet(**PARAMETERS | {"filters": [2, 4], "normalization": normalization})
        network.set_weights([weight + 0.05 for weight in network.get_weights()])
        one, other = (network(images, training=False).numpy() for images in (noise() / 2, noise() / 4 + 60))
        assert np.allclose(one, other, atol=1e-3) == same


def test_feature_maps_of_every_size_reach_the_decoder():
    network = transfer_resunet(**PARAMETERS)
    assert sum(isinstance(layer, BatchNormalization) for layer in network.layers) == 5 * 3
    assert sum(type(layer).__name__ == "Concatenate" for layer in network.layers) == 5
    (encoder,) = (layer for layer in network.layers if layer.name == "Small_pyramid")
    assert [tuple(maps.shape[1:3]) for maps in encoder.outputs] == [(16, 16), (8, 8), (4, 4), (2, 2), (1, 1)]


class ChangedMaps(keras.layers.Layer):
    """An encoder whose feature maps are those of a blank slice, and of one level, if any, higher by 1."""

    def __init__(self, encoder, level):
        super().__init__()
        self.encoder, self.level = encoder, level

    def call(self, images, training=None, mask=None):
        maps = list(self.encoder(keras.ops.zeros_like(images)))
        if self.level is not None:
            maps[self.level] += 1.0
        return maps

    def compute_output_shape(self, shape):
        return self.encoder.compute_output_shape(shape)


def test_every_skip_changes_the_output():
    """The maps of each level, and the slices themselves where the encoder sees none of them."""
    network = transfer_resunet(**PARAMETERS)

    def with_changed(level):
        return keras.models.clone_model(
            network,
            clone_function=lambda layer: ChangedMaps(layer, level) if layer.name == "Small_pyramid" else layer,
        )

    blank = with_changed(None)
    before = blank(noise(), training=False).numpy()
    for level in range(5):
        after = with_changed(level)(noise(), training=False).numpy()
        assert abs(after - before).max() > 1e-4, level
    assert abs(blank(noise()[::-1], training=False).numpy() - before).max() > 1e-4


def test_pretrained_weights_are_loaded_but_not_needed_after_saving(backbone_weights, tmp_path):
    parameters = PARAMETERS | {"weights": str(backbone_weights)}
    network = network_files.build("segmenter", parameters)
    backbone_alone = Small(input_shape=(32, 32, 3), weights=str(backbone_weights))
    for loaded, saved in zip(
        network.get_layer("Small_pyramid").get_weights(), backbone_alone.get_weights(), strict=True
    ):
        assert np.array_equal(loaded, saved)
    network_files.save_network(tmp_path / "run", network, parameters | {"weights": "gone.weights.h5"})
    loaded = network_files.load_network(tmp_path / "run")
    assert np.array_equal(loaded(noise(), training=False), network(noise(), training=False))


def test_invalid_arguments_are_named():
    with pytest.raises(ValueError, match="head 'both' is neither sigmoid nor softmax"):
        transfer_resunet(**PARAMETERS | {"head": "both"})
    with pytest.raises(ValueError, match="normalization 'volume' is none of unit, slice"):
        transfer_resunet(**PARAMETERS | {"normalization": "volume"})
    with pytest.raises(ValueError, match="no backbone 'Mobile'"):
        transfer_resunet(**PARAMETERS | {"backbone": "Mobile"})
