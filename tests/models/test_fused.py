"""Networks rebuilt for prediction give the same outputs with less computation."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import small_backbone  # noqa: F401 - adds a backbone
from batch_norm_calibration import calibrate_batch_norms

from models.networks.resunet import resunet
from models.networks.transfer_resunet import transfer_resunet
from models.serving.fused import fuse_for_inference

pytestmark = pytest.mark.xdist_group("backbones")
SIZE = 32
PARAMETERS = {"filters": [3, 5], "size": SIZE}


def randomised_segmenter(*, transfer=True, **choices):
    """A segmenter none of whose weights or moving averages still has its initial value."""
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
    calibrate_batch_norms(network, 0, 255, seed=3)
    return network


def slices(network):
    return np.random.default_rng(4).integers(0, 256, (3, *network.input_shape[1:])).astype("float32")


def count_multiplications(network):
    """Number of multiplications in the convolutions, per slice."""
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    return sum(np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3]) for layer in convolutions)


@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
@pytest.mark.parametrize("transfer", [True, False])
def test_nearest_up_sampling_is_rebuilt_with_equal_outputs_and_less_work(transfer, norm):
    network = randomised_segmenter(transfer=transfer, norm=norm, upsampling="nearest")
    images, before = slices(network), count_multiplications(network)
    expected = network(images, training=False).numpy()
    light = fuse_for_inference(network)
    np.testing.assert_allclose(light(images, training=False).numpy(), expected, atol=1e-5)
    assert expected.std() > 1e-3  # constant outputs would prove nothing
    assert count_multiplications(light) < 0.95 * before
    assert not any(isinstance(layer, keras.layers.Concatenate) for layer in light.layers)
    np.testing.assert_array_equal(network(images, training=False).numpy(), expected)  # the original is unchanged


def test_a_network_with_transposed_convolutions_is_not_changed():
    network = randomised_segmenter(upsampling="transpose")
    images = slices(network)
    light = fuse_for_inference(network)
    assert [layer.name for layer in light.layers] == [layer.name for layer in network.layers]
    np.testing.assert_array_equal(light(images, training=False).numpy(), network(images, training=False).numpy())
