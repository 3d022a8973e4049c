"""Our faster batch normalisation behaves like the layer of Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.networks.norms import MOMENTUM, BatchNormalization, with_fast_normalization


def batches(count: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.normal(2.0, 3.0, (4, 6, 5, 7)).astype("float32") for _ in range(count)]


def train_step(layer: keras.layers.Layer, images: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """A layer's output for a batch in training, and the gradients of its input, scale and offset."""
    batch = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(batch)
        output = layer(batch, training=True)
        loss = tf.reduce_sum(tf.cast(output, tf.float32) * tf.cast(tf.sin(batch), tf.float32))
    return output.numpy(), [part.numpy() for part in tape.gradient(loss, [batch, *layer.trainable_variables])]


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}, {"epsilon": 0.1}], ids=str)
def test_outputs_gradients_and_statistics_equal_those_of_keras(options):
    plain, fast = keras.layers.BatchNormalization(momentum=0.7, **options), BatchNormalization(momentum=0.7, **options)
    for images in batches():
        (expected, gradients), (found, found_gradients) = train_step(plain, images), train_step(fast, images)
        assert np.allclose(found, expected, atol=1e-5)
        for one, other in zip(gradients, found_gradients, strict=True):
            assert np.allclose(other, one, atol=1e-3)
    for expected, found in zip(plain.weights, fast.weights, strict=True):
        assert np.allclose(found, expected, atol=1e-5)
        assert found.path.split("/")[-1] == expected.path.split("/")[-1]
    assert np.ptp(fast.moving_variance.numpy()) > 0
    assert np.allclose(fast(images, training=False), plain(images, training=False), atol=1e-5)


def test_half_precision_layers_keep_single_precision_statistics():
    plain, fast = BatchNormalization(), BatchNormalization(dtype="mixed_bfloat16")
    for images in batches():
        plain(images, training=True)
        output = fast(images, training=True)
    assert output.dtype == tf.bfloat16
    assert fast.moving_mean.dtype == "float32"
    assert np.allclose(fast.moving_mean, plain.moving_mean, atol=0.02)
    assert np.allclose(fast.moving_variance, plain.moving_variance, rtol=0.02)


@pytest.mark.parametrize("shape", [(4, 7), (4, 6, 7), (2, 3, 4, 5, 7)])
def test_inputs_of_other_ranks_are_normalised_too(shape):
    images = np.random.default_rng(1).normal(5, 2, shape).astype("float32")
    layer, all_but_channels = BatchNormalization(), tuple(range(len(shape) - 1))
    output, variance = layer(images, training=True).numpy(), images.var(all_but_channels)
    assert np.allclose(output.mean(all_but_channels), 0, atol=1e-3)
    assert np.allclose(output.var(all_but_channels), variance / (variance + layer.epsilon), rtol=1e-3)


def test_a_frozen_layer_uses_and_keeps_its_statistics():
    layer = BatchNormalization()
    layer(batches()[0], training=True)
    before, layer.trainable = layer.get_weights(), False
    output = layer(batches()[1], training=True)
    assert all(np.array_equal(one, other) for one, other in zip(layer.get_weights(), before, strict=True))
    assert np.allclose(output, layer(batches()[1], training=False))


def test_an_existing_network_is_copied_with_its_weights():
    keras.utils.set_random_seed(1)
    network = keras.applications.MobileNet((32, 32, 3), include_top=False, weights=None, alpha=0.25)
    network.set_weights([weight + 0.1 for weight in network.get_weights()])
    images = np.random.default_rng(1).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    copy = with_fast_normalization(network)
    kinds = {type(layer) for layer in copy.layers}
    assert BatchNormalization in kinds
    assert keras.layers.BatchNormalization not in kinds
    assert {layer.momentum for layer in copy.layers if isinstance(layer, BatchNormalization)} == {MOMENTUM}
    assert [layer.name for layer in copy.layers[1:]] == [layer.name for layer in network.layers[1:]]
    assert np.array_equal(copy(images, training=False), network(images, training=False))


def test_weights_saved_from_the_keras_layer_can_be_loaded(tmp_path):
    networks = []
    for kind in (keras.layers.BatchNormalization, BatchNormalization):
        pixels = keras.Input((4, 4, 3))
        networks.append(keras.Model(pixels, kind()(keras.layers.Conv2D(5, 3)(pixels))))
    path = tmp_path / "some.weights.h5"
    networks[0].save_weights(path)
    networks[1].load_weights(path)
    for one, other in zip(*(network.get_weights() for network in networks), strict=True):
        assert np.array_equal(one, other)
