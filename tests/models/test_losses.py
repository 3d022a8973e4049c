from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from models import losses

NAMES = ["focal_tversky", "tversky", "dice", "dice_crossentropy", "crossentropy"]

# Two pixels: the tumour found at 0.8, the background mistaken at 0.4. So TP 0.8, FN 0.2, FP 0.4; smoothing 1.
REFERENCE, PREDICTION = [1.0, 0.0], [0.8, 0.4]
TVERSKY = 1 - 1.8 / (0.8 + 0.7 * 0.2 + 0.3 * 0.4 + 1)
DICE = 1 - 1.8 / (0.8 + 0.5 * 0.2 + 0.5 * 0.4 + 1)
ENTROPY = -(np.log(0.8) + np.log(0.6)) / 2


def number(loss: str, reference: object, prediction: object) -> float:
    given_back = losses.LOSSES[loss](np.asarray(reference, "float32"), np.asarray(prediction, "float32"))
    assert keras.ops.dtype(given_back) == "float32"
    assert given_back.shape == ()
    return float(given_back)


def test_the_losses_are_known_by_their_names():
    assert list(losses.LOSSES) == NAMES
    assert all(losses.LOSSES[name] is getattr(losses, name) for name in NAMES)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("tversky", TVERSKY),
        ("focal_tversky", TVERSKY**0.75),
        ("dice", DICE),
        ("crossentropy", ENTROPY),
        ("dice_crossentropy", DICE + ENTROPY),
    ],
)
def test_two_pixels_cost_what_the_formula_says(loss, expected):
    assert number(loss, REFERENCE, PREDICTION) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, 1.8 / 2.2), (0.3, 1.8 / 2.14), (0.5, 1.8 / 2.1), (1.0, 0.9)])
def test_alpha_weighs_misses_against_false_alarms(alpha, expected):
    index = losses.tversky_index(np.array(REFERENCE), np.array(PREDICTION), alpha=alpha)
    assert float(index) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("loss", ["tversky", "focal_tversky"])
def test_a_missed_pixel_costs_more_than_a_false_alarm(loss):
    assert number(loss, [1, 1, 0, 0], [1, 0, 0, 0]) > number(loss, [1, 1, 0, 0], [1, 1, 1, 0])


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("tumour", [0.0, 0.3, 1.0])
def test_a_perfect_prediction_costs_next_to_nothing_even_where_all_is_empty_or_full(loss, tumour):
    mask = (np.random.default_rng(5).uniform(size=(2, 8, 8, 1)) < tumour).astype("float32")
    assert 0 <= number(loss, mask, mask) < 1e-4


@pytest.mark.parametrize("loss", NAMES)
def test_the_opposite_of_the_reference_costs_much_and_is_finite(loss):
    mask = np.zeros((2, 8, 8, 1), "float32")
    mask[1] = 1
    assert 0.9 < number(loss, mask, 1 - mask) < 20
    assert number(loss, mask, 1 - mask) > number(loss, mask, np.full_like(mask, 0.5)) > number(loss, mask, mask)


@pytest.mark.parametrize("loss", ["tversky", "focal_tversky", "dice"])
def test_overlap_is_pooled_over_the_batch(loss):
    reference, prediction = np.random.default_rng(5).uniform(size=(2, 4, 6, 6, 1)).round(2)
    reference = reference.round()
    reference[2:] = 0
    one_slice = number(loss, reference.reshape(1, 24, 6, 1), prediction.reshape(1, 24, 6, 1))
    assert number(loss, reference, prediction) == pytest.approx(one_slice, rel=1e-6)


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("tumour", [0.0, 1.0])
def test_gradients_are_finite_for_empty_and_full_masks_in_every_precision(loss, dtype, tumour):
    shape = (2, 8, 8, 1)
    mask = tf.fill(shape, tumour)
    noisy = np.random.default_rng(5).uniform(size=shape)
    for prediction in (np.zeros(shape), np.ones(shape), noisy):
        prediction = tf.cast(prediction, dtype)
        with tf.GradientTape() as tape:
            tape.watch(prediction)
            cost = losses.LOSSES[loss](mask, prediction)
        gradient = tape.gradient(cost, prediction)
        assert cost.dtype == tf.float32
        assert gradient.dtype == dtype
        assert np.isfinite(cost)
        assert np.isfinite(tf.cast(gradient, tf.float32)).all()


@pytest.mark.parametrize("loss", NAMES)
def test_gradients_point_towards_the_reference(loss):
    mask = tf.constant([1.0, 1.0, 0.0, 0.0])
    prediction = tf.constant([0.9, 0.4, 0.6, 0.1])
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        cost = losses.LOSSES[loss](mask, prediction)
    assert np.sign(tape.gradient(cost, prediction)).tolist() == [-1, -1, 1, 1]


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_dice_of_hard_masks_is_1_minus_f1_up_to_the_smoothing(pixels):
    reference, prediction = np.array(pixels, "float32").T
    f1 = f1_score(reference, prediction, zero_division=0.0)
    total = reference.sum() + prediction.sum()
    smoothed = (f1 * total + 2 * losses.SMOOTH) / (total + 2 * losses.SMOOTH)
    assert number("dice", reference, prediction) == pytest.approx(1 - smoothed, abs=1e-6)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.floats(1e-4, 1 - 1e-4)), min_size=1, max_size=40))
def test_crossentropy_is_that_of_keras(pixels):
    reference, prediction = np.array(pixels, "float32").T
    expected = float(keras.losses.BinaryCrossentropy()(reference[:, None], prediction[:, None]))
    assert number("crossentropy", reference, prediction) == pytest.approx(expected, rel=1e-4, abs=1e-6)
