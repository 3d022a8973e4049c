"""Networks rebuilt for prediction: the same outputs from less to compute."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import small_backbone  # noqa: F401 - adds a backbone
from settling import settle

from models.networks.resunet import resunet
from models.networks.transfer_resunet import transfer_resunet
from models.serving.lighter import lighter

pytestmark = pytest.mark.xdist_group("backbones")
SIZE = 32
PARAMETERS = {"filters": [3, 5], "size": SIZE}


def trained(*, transfer=True, **choices):
    """A segmenter none of whose weights, averages among them, has the value that it starts with."""
    keras.utils.set_random_seed(3)
    network = (
        transfer_resunet(**PARAMETERS | {"backbone": "Small", "weights": "none"} | choices)
        if transfer
        else resunet(**PARAMETERS | choices)
    )
    random = np.random.default_rng(3)
    for weight in network.weights:
        if weight.name in ("gamma", "beta", "bias"):
            weight.assign(weight + random.uniform(0.05, 0.2, weight.shape))
    settle(network, 0, 255, seed=3)
    return network


def slices(network):
    return np.random.default_rng(4).integers(0, 256, (3, *network.input_shape[1:])).astype("float32")


def work(network):
    """Products of all convolutions of a slice."""
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    return sum(np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3]) for layer in convolutions)


@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
@pytest.mark.parametrize("transfer", [True, False])
def test_where_pixels_are_repeated_the_outputs_stay_and_the_work_shrinks(transfer, norm):
    network = trained(transfer=transfer, norm=norm, upsampling="nearest")
    images, before = slices(network), work(network)
    expected = network(images, training=False).numpy()
    light = lighter(network)
    np.testing.assert_allclose(light(images, training=False).numpy(), expected, atol=1e-5)
    assert expected.std() > 1e-3  # else any network would do
    assert work(light) < 0.95 * before
    assert not any(isinstance(layer, keras.layers.Concatenate) for layer in light.layers)
    np.testing.assert_array_equal(network(images, training=False).numpy(), expected)  # the network itself stays


def test_where_nothing_is_repeated_nothing_changes():
    network = trained(upsampling="transpose")
    images = slices(network)
    light = lighter(network)
    assert [layer.name for layer in light.layers] == [layer.name for layer in network.layers]
    np.testing.assert_array_equal(light(images, training=False).numpy(), network(images, training=False).numpy())
