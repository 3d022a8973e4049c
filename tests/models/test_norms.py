from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.networks.norms import MOMENTUM, BatchNormalization, with_fast_normalization


def batches(count: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.normal(2.0, 3.0, (4, 6, 5, 7)).astype("float32") for _ in range(count)]


def trained(layer: keras.layers.Layer, images: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """What a layer makes of a batch in training, and the gradients of its input, scale and offset."""
    batch = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(batch)
        output = layer(batch, training=True)
        loss = tf.reduce_sum(tf.cast(output, tf.float32) * tf.cast(tf.sin(batch), tf.float32))
    return output.numpy(), [part.numpy() for part in tape.gradient(loss, [batch, *layer.trainable_variables])]


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}, {"epsilon": 0.1}], ids=str)
def test_it_is_keras_layer_in_outputs_gradients_and_statistics(options):
    plain, fast = keras.layers.BatchNormalization(momentum=0.7, **options), BatchNormalization(momentum=0.7, **options)
    for images in batches():
        (expected, slopes), (found, found_slopes) = trained(plain, images), trained(fast, images)
        assert np.allclose(found, expected, atol=1e-5)
        for one, other in zip(slopes, found_slopes, strict=True):
            assert np.allclose(other, one, atol=1e-3)
    for expected, found in zip(plain.weights, fast.weights, strict=True):
        assert np.allclose(found, expected, atol=1e-5)
        assert found.path.split("/")[-1] == expected.path.split("/")[-1]
    assert np.ptp(fast.moving_variance.numpy()) > 0
    assert np.allclose(fast(images, training=False), plain(images, training=False), atol=1e-5)


def test_half_precision_keeps_its_statistics_in_single_precision():
    plain, fast = BatchNormalization(), BatchNormalization(dtype="mixed_bfloat16")
    for images in batches():
        plain(images, training=True)
        output = fast(images, training=True)
    assert output.dtype == tf.bfloat16
    assert fast.moving_mean.dtype == "float32"
    assert np.allclose(fast.moving_mean, plain.moving_mean, atol=0.02)
    assert np.allclose(fast.moving_variance, plain.moving_variance, rtol=0.02)


@pytest.mark.parametrize("shape", [(4, 7), (4, 6, 7), (2, 3, 4, 5, 7)])
def test_what_are_no_pictures_is_normalised_too(shape):
    images = np.random.default_rng(1).normal(5, 2, shape).astype("float32")
    assert np.allclose(BatchNormalization()(images, training=True).numpy().mean(), 0, atol=1e-3)


def test_frozen_it_uses_and_keeps_its_statistics():
    layer = BatchNormalization()
    layer(batches()[0], training=True)
    before, layer.trainable = layer.get_weights(), False
    output = layer(batches()[1], training=True)
    assert all(np.array_equal(one, other) for one, other in zip(layer.get_weights(), before, strict=True))
    assert np.allclose(output, layer(batches()[1], training=False))


def test_a_network_that_exists_is_copied_with_its_weights():
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


def test_its_files_of_weights_are_those_of_keras_layer(tmp_path):
    networks = []
    for kind in (keras.layers.BatchNormalization, BatchNormalization):
        pixels = keras.Input((4, 4, 3))
        networks.append(keras.Model(pixels, kind()(keras.layers.Conv2D(5, 3)(pixels))))
    path = tmp_path / "some.weights.h5"
    networks[0].save_weights(path)
    networks[1].load_weights(path)
    for one, other in zip(*(network.get_weights() for network in networks), strict=True):
        assert np.array_equal(one, other)
