"""Values of the segmenter's losses, compared with formulas, scikit-learn and Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_values import NAMES, loss_by_scikit_learn, loss_value, masks_and_predictions
from sklearn.metrics import f1_score

from models.networks import losses

# Two pixels: one of tumour, predicted at 0.8, one of background, at 0.4. So TP 0.8, FN 0.2, FP 0.4; smoothing 1.
REFERENCE, PREDICTION = [1.0, 0.0], [0.8, 0.4]

TVERSKY = 1 - 1.8 / (0.8 + 0.7 * 0.2 + 0.3 * 0.4 + 1)

DICE = 1 - 1.8 / (0.8 + 0.5 * 0.2 + 0.5 * 0.4 + 1)

ENTROPY = -(np.log(0.8) + np.log(0.6)) / 2

WEIGHTED = -(10 * np.log(0.8) + np.log(0.6)) / 2


def test_losses_are_registered_by_name():
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
def test_the_loss_of_two_pixels_follows_the_formula(loss, expected):
    assert loss_value(loss, REFERENCE, PREDICTION) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, 1.8 / 2.2), (0.3, 1.8 / 2.14), (0.5, 1.8 / 2.1), (1.0, 0.9)])
def test_alpha_weighs_misses_against_false_alarms(alpha, expected):
    index = losses.tversky_index(np.array(REFERENCE), np.array(PREDICTION), alpha=alpha)
    assert float(index) == pytest.approx(expected, abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12))
def test_overlap_losses_are_lowest_if_predictions_equal_the_tumour_share(pixels):
    share, predicted = np.array(pixels).T / 20
    for loss in ("dice", "tversky", "focal_tversky"):
        assert loss_value(loss, share, share) <= 1e-4
        if abs(share - predicted).max() > 0:
            assert loss_value(loss, share, predicted) > loss_value(loss, share, share)


@pytest.mark.parametrize("loss", ["tversky", "focal_tversky"])
def test_a_missed_pixel_costs_more_than_a_false_alarm(loss):
    assert loss_value(loss, [1, 1, 0, 0], [1, 0, 0, 0]) > loss_value(loss, [1, 1, 0, 0], [1, 1, 1, 0])


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("tumour", [0.0, 0.3, 1.0])
def test_perfect_predictions_cost_almost_nothing_even_if_empty_or_full(loss, tumour):
    mask = (np.random.default_rng(5).uniform(size=(2, 8, 8, 1)) < tumour).astype("float32")
    assert 0 <= loss_value(loss, mask, mask) < 1e-4


@pytest.mark.parametrize("loss", NAMES)
def test_the_inverted_reference_has_a_high_but_finite_loss(loss):
    mask = np.zeros((2, 8, 8, 1), "float32")
    mask[1] = 1
    assert 0.9 < loss_value(loss, mask, 1 - mask) < 80
    assert (
        loss_value(loss, mask, 1 - mask)
        > loss_value(loss, mask, np.full_like(mask, 0.5))
        > loss_value(loss, mask, mask)
    )


@pytest.mark.parametrize("loss", ["tversky", "focal_tversky", "dice"])
def test_overlap_is_pooled_over_the_batch(loss):
    reference, prediction = np.random.default_rng(5).uniform(size=(2, 4, 6, 6, 1)).round(2)
    reference = reference.round()
    reference[2:] = 0
    one_slice = loss_value(loss, reference.reshape(1, 24, 6, 1), prediction.reshape(1, 24, 6, 1))
    assert loss_value(loss, reference, prediction) == pytest.approx(one_slice, rel=1e-6)


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("tumour", [0.0, 0.01, 0.4, 1.0])
def test_losses_equal_those_computed_with_scikit_learn(loss, tumour):
    masks, predictions = masks_and_predictions(tumour)
    assert loss_value(loss, masks, predictions) == pytest.approx(
        loss_by_scikit_learn(loss, masks, predictions), rel=1e-5
    )


def test_weighted_crossentropy_equals_that_of_tensorflow():
    masks, predictions = masks_and_predictions(0.1)
    logits = np.log(predictions / (1 - predictions))
    expected = tf.nn.weighted_cross_entropy_with_logits(masks, logits, pos_weight=10.0)
    assert loss_value("weighted_crossentropy", masks, predictions) == pytest.approx(np.mean(expected), rel=1e-5)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_dice_loss_of_hard_masks_is_1_minus_f1_up_to_smoothing(pixels):
    reference, prediction = np.array(pixels, "float32").T
    f1 = f1_score(reference, prediction, zero_division=0.0)
    total = reference.sum() + prediction.sum()
    smoothed = (f1 * total + 2 * losses.SMOOTH) / (total + 2 * losses.SMOOTH)
    assert loss_value("dice", reference, prediction) == pytest.approx(1 - smoothed, abs=1e-6)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.booleans(), st.floats(1e-4, 1 - 1e-4)), min_size=1, max_size=40))
def test_crossentropy_equals_that_of_keras(pixels):
    reference, prediction = np.array(pixels, "float32").T
    expected = float(keras.losses.BinaryCrossentropy()(reference[:, None], prediction[:, None]))
    assert loss_value("crossentropy", reference, prediction) == pytest.approx(expected, rel=1e-4, abs=1e-6)
