"""The expected Dice of a mask, from the model's own probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.metrics.doubt import expected_dice
from components.metrics.mask_scores import dice

masks = arrays(bool, (2, 4, 5))


def test_expected_dice_matches_the_mean_over_sampled_references():
    rng = np.random.default_rng(0)
    probability = rng.beta(0.3, 1, (4, 40, 40))
    mask = probability >= 0.5
    sampled = [dice(rng.random(probability.shape) < probability, mask) for _ in range(200)]
    assert expected_dice(probability, mask) == pytest.approx(np.mean(sampled), abs=0.002)


@settings(deadline=None)
@given(masks, masks)
def test_with_certain_probabilities_it_equals_dice(reference, mask):
    assert expected_dice(reference.astype(float), mask) == pytest.approx(dice(reference, mask))


@settings(deadline=None)
@given(arrays(float, (2, 4, 5), elements=st.floats(0, 1)), masks)
def test_expected_dice_stays_between_zero_and_one(probability, mask):
    assert 0 <= expected_dice(probability, mask) <= 1


def test_expected_dice_matches_hand_calculation():
    probability, mask = np.array([0.9, 0.6, 0.5, 0.0]), np.array([True, True, False, False])
    assert expected_dice(probability, mask) == pytest.approx(2 * 1.5 / (2.0 + 2))


def test_lower_certainty_gives_lower_expected_dice():
    mask = np.arange(10) < 5
    expected = [expected_dice(np.where(mask, p, 1 - p), mask) for p in (1.0, 0.9, 0.7, 0.5)]
    assert expected == sorted(expected, reverse=True)
    assert expected[0] == 1


def test_an_empty_mask_scores_one_or_zero():
    empty = np.zeros((2, 3), bool)
    assert expected_dice(np.zeros((2, 3)), empty) == 1
    assert expected_dice(np.full((2, 3), 1e-6), empty) == 0


def test_many_small_float32_probabilities_are_not_lost():
    probability, mask = np.full((64, 512, 512), 1e-3, np.float32), np.zeros((64, 512, 512), bool)
    probability[0, 0], mask[0, 0] = 1, True
    assert expected_dice(probability, mask) == pytest.approx(1024 / (512 + 512 + (64 * 512 - 1) * 512 * 1e-3), rel=1e-6)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="shape"):
        expected_dice(np.zeros((2, 3)), np.zeros((1, 3), bool))
