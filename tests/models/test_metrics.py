"""Dice pooled over batches, the metric shown in training."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy.spatial import distance
from sklearn.metrics import f1_score

from models.networks.metrics import PooledDice


def batches(count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    reference = (random.uniform(size=(count, 2, 8, 8, 1)) < 0.3).astype("float32")
    prediction = np.clip(0.3 * reference + random.uniform(size=reference.shape), 0, 1).astype("float32")
    reference[0] = 0  # a batch without tumour still adds its false positives
    return reference, prediction


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_dice_pooled_over_all_batches_equals_scikit_learns_f1(threshold):
    metric = PooledDice(threshold)
    reference, prediction = batches()
    for truth, found in zip(reference, prediction, strict=True):
        metric.update_state(truth, found)
    expected = f1_score(reference.ravel(), prediction.ravel() >= threshold)
    assert 0.2 < expected < 0.9
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_dice_is_one_minus_scipys_dice_distance():
    metric = PooledDice()
    reference, prediction = (arrays[1] for arrays in batches())
    metric.update_state(reference, prediction)
    expected = 1 - distance.dice(reference.ravel() == 1, prediction.ravel() >= 0.5)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_dice_of_a_few_pixels_follows_the_formula():
    metric = PooledDice()
    metric.update_state(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.9, 0.2, 0.8, 0.1]))  # TP 1, FN 1, FP 1
    assert float(metric.result()) == pytest.approx(2 / (2 + 1 + 1))
    metric.update_state(np.array([1.0, 0.0]), np.array([0.9, 0.2]))  # TP 2, FN 1, FP 1
    assert float(metric.result()) == pytest.approx(4 / (4 + 1 + 1))


def test_a_pixel_at_the_threshold_belongs_to_the_mask():
    metric = PooledDice()
    metric.update_state(np.ones((1, 1, 2, 1)), np.array([0.5, 0.4999]).reshape(1, 1, 2, 1))
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_reset_state_discards_earlier_batches():
    metric = PooledDice()
    reference, prediction = batches()
    metric.update_state(reference[1], 1 - reference[1])
    assert float(metric.result()) == 0
    metric.reset_state()
    metric.update_state(reference[1], prediction[1])
    expected = f1_score(reference[1].ravel(), prediction[1].ravel() >= 0.5)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_dice_is_1_if_both_masks_are_empty_and_0_if_only_one_is():
    empty, full = np.zeros((1, 4, 4, 1), "float32"), np.ones((1, 4, 4, 1), "float32")
    metric = PooledDice()
    assert float(metric.result()) == 1
    metric.update_state(empty, empty)
    assert float(metric.result()) == 1
    metric.update_state(empty, full)
    assert float(metric.result()) == 0
    metric.update_state(full, full)
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_integer_masks_and_low_precision_predictions_are_accepted():
    metric = PooledDice()
    metric.update_state(np.array([1, 0, 1], "uint8"), keras.ops.cast([0.9, 0.1, 0.2], "bfloat16"))
    assert metric.name == "pooled_dice"
    assert keras.ops.dtype(metric.result()) == "float32"
    assert float(metric.result()) == pytest.approx(2 / 3)
