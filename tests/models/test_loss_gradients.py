"""Gradients of the losses are finite and correct in every precision."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from loss_values import NAMES, loss_by_scikit_learn, loss_value, masks_and_predictions

from models.networks import losses


def gradient(loss: str, masks: np.ndarray, predictions: object) -> np.ndarray:
    predictions = tf.convert_to_tensor(predictions)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        cost = losses.LOSSES[loss](masks, predictions)
    assert cost.dtype == tf.float32
    assert np.isfinite(cost)
    slope = tape.gradient(cost, predictions)
    assert slope.dtype == predictions.dtype
    return tf.cast(slope, tf.float32).numpy()


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("tumour", [0.0, 1.0])
def test_gradients_for_uniform_masks_are_finite_and_have_the_right_sign(loss, dtype, tumour):
    # Tiny images would overflow float16: the slope at a completely wrong pixel is 10 / 1e-6 / the number of pixels.
    masks, noisy = masks_and_predictions(tumour)
    opposite = np.full_like(masks, 1 - tumour)
    for prediction in (masks, opposite, noisy):
        slope = gradient(loss, masks, tf.cast(prediction, dtype))
        assert np.isfinite(slope).all()
        if prediction is not masks:  # a perfect prediction can't improve
            assert (slope * (1 - 2 * tumour) >= 0).all()
        if prediction is opposite and "crossentropy" in loss:
            assert (slope * (1 - 2 * tumour) > 0).all()


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_low_precision_loss_equals_that_of_the_rounded_probabilities(loss, dtype):
    masks, predictions = masks_and_predictions(0.1)
    rounded = tf.cast(predictions, dtype)
    cost = losses.LOSSES[loss](tf.cast(masks, dtype), rounded)
    assert float(cost) == pytest.approx(loss_value(loss, masks, tf.cast(rounded, tf.float32)), rel=1e-6)


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("tumour", [0.0, 0.01, 0.4, 1.0])
def test_gradients_equal_finite_differences_of_the_losses(loss, tumour):
    masks, predictions = masks_and_predictions(tumour, side=6)
    slopes, step = gradient(loss, masks, predictions), 1e-4
    for pixel in [(0, 0, 0, 0), (1, 2, 3, 0), (1, 5, 5, 0)]:
        costs = []
        for sign in (-1, 1):
            moved = predictions.astype(float)
            moved[pixel] += sign * step
            costs.append(loss_by_scikit_learn(loss, masks, moved))
        assert slopes[pixel] == pytest.approx((costs[1] - costs[0]) / (2 * step), rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("loss", NAMES)
def test_gradients_point_towards_the_reference(loss):
    mask = tf.constant([1.0, 1.0, 0.0, 0.0])
    prediction = tf.constant([0.9, 0.4, 0.6, 0.1])
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        cost = losses.LOSSES[loss](mask, prediction)
    assert np.sign(tape.gradient(cost, prediction)).tolist() == [-1, -1, 1, 1]
