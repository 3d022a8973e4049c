from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, fbeta_score, log_loss

from models.networks import losses

NAMES = ["focal_tversky", "tversky", "dice", "dice_crossentropy", "crossentropy", "weighted_crossentropy"]

# Two pixels: the tumour found at 0.8, the background mistaken at 0.4. So TP 0.8, FN 0.2, FP 0.4; smoothing 1.
REFERENCE, PREDICTION = [1.0, 0.0], [0.8, 0.4]
TVERSKY = 1 - 1.8 / (0.8 + 0.7 * 0.2 + 0.3 * 0.4 + 1)
DICE = 1 - 1.8 / (0.8 + 0.5 * 0.2 + 0.5 * 0.4 + 1)
ENTROPY = -(np.log(0.8) + np.log(0.6)) / 2
WEIGHTED = -(10 * np.log(0.8) + np.log(0.6)) / 2


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
        ("weighted_crossentropy", WEIGHTED),
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
    assert 0.9 < number(loss, mask, 1 - mask) < 80
    assert number(loss, mask, 1 - mask) > number(loss, mask, np.full_like(mask, 0.5)) > number(loss, mask, mask)


@pytest.mark.parametrize("loss", ["tversky", "focal_tversky", "dice"])
def test_overlap_is_pooled_over_the_batch(loss):
    reference, prediction = np.random.default_rng(5).uniform(size=(2, 4, 6, 6, 1)).round(2)
    reference = reference.round()
    reference[2:] = 0
    one_slice = number(loss, reference.reshape(1, 24, 6, 1), prediction.reshape(1, 24, 6, 1))
    assert number(loss, reference, prediction) == pytest.approx(one_slice, rel=1e-6)


def by_scikit_learn(loss: str, reference: np.ndarray, prediction: np.ndarray) -> float:
    """The same losses from scikit-learn's F-beta and log loss, in float64.

    A pixel of probability p is two samples: called tumour with weight p, background with 1 - p. F-beta is the Tversky
    index where beta squared is alpha / (1 - alpha). The smoothing is one more true positive.
    """
    reference, prediction = reference.ravel().astype(float), prediction.ravel().astype(float)
    truth, called = np.r_[reference, reference, 1], np.r_[np.ones_like(reference), np.zeros_like(reference), 1]
    weights = np.r_[prediction, 1 - prediction, losses.SMOOTH]

    def overlap_cost(alpha: float) -> float:
        return 1 - fbeta_score(truth, called, beta=np.sqrt(alpha / (1 - alpha)), sample_weight=weights)

    def entropy(weight: float) -> float:
        weights = np.where(reference == 1, weight, 1.0)
        cost = log_loss(reference, np.c_[1 - prediction, prediction], sample_weight=weights, labels=[0, 1])
        return cost * weights.mean()

    return {
        "tversky": lambda: overlap_cost(0.7),
        "focal_tversky": lambda: overlap_cost(0.7) ** 0.75,
        "dice": lambda: overlap_cost(0.5),
        "crossentropy": lambda: entropy(1.0),
        "weighted_crossentropy": lambda: entropy(10.0),
        "dice_crossentropy": lambda: overlap_cost(0.5) + entropy(1.0),
    }[loss]()


def pictures(tumour: float, *, side: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Masks with a share of tumour, and predictions that lean towards them."""
    random = np.random.default_rng(5)
    masks = (random.uniform(size=(2, side, side, 1)) < tumour).astype("float32")
    return masks, np.clip(0.2 * masks + random.uniform(0.05, 0.75, masks.shape), 0, 1).astype("float32")


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("tumour", [0.0, 0.01, 0.4, 1.0])
def test_losses_are_what_scikit_learn_makes_of_the_same_pixels(loss, tumour):
    masks, predictions = pictures(tumour)
    assert number(loss, masks, predictions) == pytest.approx(by_scikit_learn(loss, masks, predictions), rel=1e-5)


def test_the_weighted_crossentropy_is_tensorflows():
    masks, predictions = pictures(0.1)
    logits = np.log(predictions / (1 - predictions))
    expected = tf.nn.weighted_cross_entropy_with_logits(masks, logits, pos_weight=10.0)
    assert number("weighted_crossentropy", masks, predictions) == pytest.approx(np.mean(expected), rel=1e-5)


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
def test_gradients_are_finite_and_right_for_empty_and_full_masks_in_every_precision(loss, dtype, tumour):
    # Smaller pictures than any network's would overflow float16: a hopeless pixel's slope is 10 / 1e-6 over all pixels.
    masks, noisy = pictures(tumour)
    opposite = np.full_like(masks, 1 - tumour)
    for prediction in (masks, opposite, noisy):
        slope = gradient(loss, masks, tf.cast(prediction, dtype))
        assert np.isfinite(slope).all()
        if prediction is not masks:  # else there is nothing to gain
            assert (slope * (1 - 2 * tumour) >= 0).all()
        if prediction is opposite and "crossentropy" in loss:
            assert (slope * (1 - 2 * tumour) > 0).all()


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_low_precision_costs_what_its_rounded_probabilities_cost(loss, dtype):
    masks, predictions = pictures(0.1)
    rounded = tf.cast(predictions, dtype)
    cost = losses.LOSSES[loss](tf.cast(masks, dtype), rounded)
    assert float(cost) == pytest.approx(number(loss, masks, tf.cast(rounded, tf.float32)), rel=1e-6)


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("tumour", [0.0, 0.01, 0.4, 1.0])
def test_gradients_are_the_slopes_of_the_losses(loss, tumour):
    masks, predictions = pictures(tumour, side=6)
    slopes, step = gradient(loss, masks, predictions), 1e-4
    for place in [(0, 0, 0, 0), (1, 2, 3, 0), (1, 5, 5, 0)]:
        costs = []
        for sign in (-1, 1):
            moved = predictions.astype(float)
            moved[place] += sign * step
            costs.append(by_scikit_learn(loss, masks, moved))
        assert slopes[place] == pytest.approx((costs[1] - costs[0]) / (2 * step), rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("loss", NAMES)
def test_gradients_point_towards_the_reference(loss):
    mask = tf.constant([1.0, 1.0, 0.0, 0.0])
    prediction = tf.constant([0.9, 0.4, 0.6, 0.1])
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        cost = losses.LOSSES[loss](mask, prediction)
    assert np.sign(tape.gradient(cost, prediction)).tolist() == [-1, -1, 1, 1]


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_dice_of_hard_masks_is_1_minus_f1_up_to_the_smoothing(pixels):
    reference, prediction = np.array(pixels, "float32").T
    f1 = f1_score(reference, prediction, zero_division=0.0)
    total = reference.sum() + prediction.sum()
    smoothed = (f1 * total + 2 * losses.SMOOTH) / (total + 2 * losses.SMOOTH)
    assert number("dice", reference, prediction) == pytest.approx(1 - smoothed, abs=1e-6)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.lists(st.tuples(st.booleans(), st.floats(1e-4, 1 - 1e-4)), min_size=1, max_size=40))
def test_crossentropy_is_that_of_keras(pixels):
    reference, prediction = np.array(pixels, "float32").T
    expected = float(keras.losses.BinaryCrossentropy()(reference[:, None], prediction[:, None]))
    assert number("crossentropy", reference, prediction) == pytest.approx(expected, rel=1e-4, abs=1e-6)
