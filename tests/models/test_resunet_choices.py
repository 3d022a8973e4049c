"""Effects of the ResUNet's options: norm, neighbours, head, normalization."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from network_layers import layers

from models.networks import losses
from models.networks.resunet import resunet

pytest_plugins = ["tiny_networks"]

pytestmark = pytest.mark.usefixtures("seeded")


def noise(batch: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (batch, 32, 32, channels)).astype("float32")


@pytest.mark.parametrize(("norm", "independent"), [("batch", False), ("instance", True), ("group", True)])
def test_only_batch_norm_makes_a_slice_depend_on_its_training_batch(norm, independent):
    network = resunet((4, 12), size=32, norm=norm)
    images = noise(3)
    together = keras.ops.convert_to_numpy(network(images, training=True))[:1]
    single = keras.ops.convert_to_numpy(network(images[:1], training=True))
    assert np.allclose(single, together, atol=1e-4) == independent
    inferred = keras.ops.convert_to_numpy(network(images, training=False))[:1]
    assert np.allclose(inferred, together, atol=1e-5) == independent
    assert together.std() > 0.01


def test_the_number_of_groups_is_the_largest_divisor_up_to_eight():
    norms = layers(resunet((4, 12, 20), size=32, norm="group"), keras.layers.GroupNormalization)
    groups = {norm.output.shape[-1]: norm.groups for norm in norms}
    assert groups == {4: 4, 12: 6, 20: 5, 40: 8}
    norms = layers(resunet((4, 12), size=32, norm="instance"), keras.layers.GroupNormalization)
    assert {norm.output.shape[-1]: norm.groups for norm in norms} == {4: 4, 12: 12, 24: 24}


@pytest.mark.parametrize("normalization", ["slice", "unit"])
def test_zero_weights_for_neighbours_give_the_single_slice_network(normalization):
    shape = {"size": 32, "normalization": normalization}
    wide, plain = resunet((4, 8), neighbors=2, **shape), resunet((4, 8), **shape)
    assert wide.input_shape == (None, 32, 32, 15)
    assert wide.output_shape == (None, 32, 32, 1)
    first, *others = plain.get_weights()
    kernel = np.zeros((3, 3, 15, 4), "float32")
    kernel[:, :, 6:9] = first
    wide.set_weights([kernel, *others])
    images = noise(2, 15) * np.linspace(0.2, 1, 15)
    assert np.allclose(wide(images), plain(images[..., 6:9]), atol=1e-4)


def test_every_channel_of_every_neighbour_affects_the_output():
    network = resunet((4, 8), size=32, neighbors=1)
    images = noise(1, 9)
    for channel in range(9):
        other = images.copy()
        other[..., channel] = 255 - other[..., channel]
        assert not np.allclose(network(other), network(images), atol=1e-3), channel


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_both_heads_give_a_float32_probability_per_pixel(head, precision):
    keras.mixed_precision.set_dtype_policy(precision)
    try:
        network = resunet((4, 8), size=32, head=head)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    images = np.random.default_rng(5).integers(0, 256, (3, 32, 32, 3)).astype("float32")
    maps = network(images)
    assert keras.ops.dtype(maps) == "float32"
    maps = keras.ops.convert_to_numpy(maps)
    assert maps.shape == (3, 32, 32, 1)
    assert ((maps >= 0) & (maps <= 1)).all()
    assert maps.std() > 0.01


def test_the_softmax_head_outputs_the_tumour_class():
    network = resunet((4, 8), size=32, head="softmax")
    images = np.random.default_rng(5).integers(0, 256, (2, 32, 32, 3)).astype("float32")
    background, tumor = np.moveaxis(keras.Model(network.input, network.get_layer("classes").output)(images), -1, 0)
    assert np.allclose(network(images)[..., 0], 1 / (1 + np.exp(background - tumor)), atol=1e-6)


def test_slice_normalization_removes_brightness_and_unit_keeps_it():
    images = np.random.default_rng(5).integers(0, 256, (2, 32, 32, 3)).astype("float32")
    by_slice, unit = resunet((4, 8), size=32), resunet((4, 8), size=32, normalization="unit")
    unit.set_weights(by_slice.get_weights())
    dimmed = 0.5 * images + 20
    assert np.allclose(by_slice(dimmed), by_slice(images), atol=1e-4)
    assert not np.allclose(unit(dimmed), unit(images), atol=0.01)
    standard = (images - images.mean(axis=(1, 2), keepdims=True)) / images.std(axis=(1, 2), keepdims=True)
    assert np.allclose(unit(127.5 * (standard + 1)), by_slice(images), atol=1e-4)


@pytest.mark.parametrize(
    ("head", "upsampling", "norm"),
    [
        ("sigmoid", "transpose", "batch"),
        ("softmax", "nearest", "instance"),
        pytest.param("sigmoid", "nearest", "group", marks=pytest.mark.nightly),
    ],
)
def test_training_lowers_the_loss_and_changes_every_weight(head, upsampling, norm):
    random = np.random.default_rng(5)
    masks = np.zeros((6, 32, 32, 1), "float32")
    for index, (row, column) in enumerate(random.integers(2, 18, (6, 2))):
        masks[index, row : row + 12, column : column + 12] = 1
    images = 60 + 120 * masks + random.integers(0, 40, (6, 32, 32, 3))
    network = resunet((4, 8), size=32, head=head, upsampling=upsampling, norm=norm)
    optimizer = keras.optimizers.Adam(0.01)
    # Otherwise built within the first step, which Keras would then compile twice.
    optimizer.build(network.trainable_variables)
    network.compile(optimizer, loss=losses.focal_tversky, jit_compile=False)
    before = network.get_weights()
    history = [float(network.train_on_batch(images, masks))]
    for variable, old in zip(network.weights, before, strict=True):
        assert not np.array_equal(variable, old), variable.path
    history += [float(network.train_on_batch(images, masks)) for _ in range(11)]
    assert np.isfinite(history).all()
    assert history[-1] < 0.8 * history[0]
