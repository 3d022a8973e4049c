"""Stage 1's threshold: the highest one that still finds the required share of tumour slices."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.assemble.choices import (
    MASK_THRESHOLDS,
    ROUNDING,
    choose_stage1,
    middle_of_best,
    smoothing,
    tumor_threshold,
)
from components.layered.smoothing import smoothed
from components.metrics.temperature import apply_temperature


@given(
    arrays(np.float32, 40, elements=st.floats(0, 1, width=32)),
    st.integers(1, 40),
    st.floats(0.01, 0.99),
)
def test_the_threshold_is_the_highest_with_the_wanted_sensitivity(probabilities, positives, sensitivity):
    labels = np.arange(40) < positives
    threshold = tumor_threshold(labels, probabilities, sensitivity)
    found = probabilities[labels].astype(float)
    assert (found >= threshold).mean() >= sensitivity - 1e-9
    assert (found > found[found >= threshold].min() + ROUNDING).mean() < sensitivity + 1e-9


def test_the_threshold_of_a_worked_example():
    labels = np.array([1, 1, 1, 1, 0, 0], bool)
    probabilities = np.array([0.9, 0.8, 0.7, 0.2, 0.3, 0.6], np.float32)
    assert tumor_threshold(labels, probabilities, 0.75) == pytest.approx(0.65)
    assert tumor_threshold(labels, probabilities, 0.99) == pytest.approx(0.1)


def test_values_that_differ_only_by_rounding_are_not_separated():
    probabilities = np.array([0.9, 0.3, np.nextafter(np.float32(0.3), np.float32(0)), 0.1], np.float32)
    assert tumor_threshold(np.ones(4, bool), probabilities, 0.5) == pytest.approx(0.2)


def noisy_scans(noise):
    """Labels of eight scans of twenty slices, six of which show tumour, and noisy probabilities for them."""
    rng = np.random.default_rng(5)
    labels = [np.isin(np.arange(20), np.arange(6) + rng.integers(0, 14)) for _ in range(8)]
    return labels, [np.clip(0.2 + 0.6 * one + rng.normal(0, noise, 20), 0.01, 0.99) for one in labels]


def test_smoothing_that_lowers_false_positives_is_chosen():
    labels, noisy = noisy_scans(0.35)
    chosen = smoothing(labels, noisy, 0.9)
    assert chosen["sigma"] > 0
    truth = np.concatenate(labels)
    with_smoothing = apply_temperature(
        np.concatenate([smoothed(one, chosen["sigma"]) for one in noisy]), chosen["temperature"]
    )
    assert (with_smoothing[truth] >= chosen["threshold"]).mean() >= 0.9
    without_smoothing = np.concatenate(noisy)
    passed = (with_smoothing[~truth] >= chosen["threshold"]).mean()
    assert passed < (without_smoothing[~truth] >= tumor_threshold(truth, without_smoothing, 0.9)).mean()


def test_smoothing_without_a_benefit_is_not_chosen():
    assert smoothing(*noisy_scans(0.02), 0.9) is None  # every slice is already classified correctly


def test_smoothing_does_not_cross_from_one_scan_into_the_next():
    rng = np.random.default_rng(5)
    labels = [np.ones(6, bool), np.zeros(6, bool)] * 4
    scan_probabilities = [np.clip(0.2 + 0.6 * one + rng.normal(0, 0.35, 6), 0.01, 0.99) for one in labels]
    chosen = smoothing(labels, scan_probabilities, 0.9)
    validation = SimpleNamespace(
        labels=np.concatenate(labels), probabilities=np.concatenate(scan_probabilities), counts=[6] * 8
    )
    calibrated = [apply_temperature(one, 1.3) for one in scan_probabilities]
    stage1_choices = choose_stage1(validation, 1.3, sensitivity=0.9, smooth=True)
    assert stage1_choices["tumor_smoothing"] == pytest.approx(smoothing(labels, calibrated, 0.9))
    assert choose_stage1(validation, 1.3, sensitivity=0.9, smooth=False).keys() == {"tumor_threshold"}
    per_scan = np.concatenate([smoothed(one, chosen["sigma"]) for one in scan_probabilities])
    together = smoothed(np.concatenate(scan_probabilities), chosen["sigma"])
    truth = np.concatenate(labels)
    assert per_scan[truth].mean() > together[truth].mean()
    assert chosen["threshold"] == tumor_threshold(truth, apply_temperature(per_scan, chosen["temperature"]), 0.9)


@pytest.mark.parametrize(
    ("best", "chosen"), [([3], 3), ([3, 4], 3), ([3, 4, 5], 4), (range(19), 9), ([0, 1, 2, 3, 17], 2)], ids=str
)
def test_the_middle_one_of_equally_good_mask_thresholds_is_chosen(best, chosen):
    scores = np.full(len(MASK_THRESHOLDS), 0.5)
    scores[list(best)] = 0.9 + np.linspace(0, 1e-12, len(best))  # as sums in another order would differ
    assert middle_of_best(scores) == MASK_THRESHOLDS[chosen]
