"""Stage 1's threshold: the highest that finds the share of tumour slices that it has to."""

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
def test_the_threshold_keeps_the_sensitivity_and_no_higher_one_would(probabilities, positives, sensitivity):
    labels = np.arange(40) < positives
    threshold = tumor_threshold(labels, probabilities, sensitivity)
    found = probabilities[labels].astype(float)
    assert (found >= threshold).mean() >= sensitivity - 1e-9
    assert (found > found[found >= threshold].min() + ROUNDING).mean() < sensitivity + 1e-9


def test_the_threshold_by_hand():
    labels = np.array([1, 1, 1, 1, 0, 0], bool)
    probabilities = np.array([0.9, 0.8, 0.7, 0.2, 0.3, 0.6], np.float32)
    assert tumor_threshold(labels, probabilities, 0.75) == pytest.approx(0.65)
    assert tumor_threshold(labels, probabilities, 0.99) == pytest.approx(0.1)


def test_the_threshold_does_not_part_what_only_rounding_does():
    probabilities = np.array([0.9, 0.3, np.nextafter(np.float32(0.3), np.float32(0)), 0.1], np.float32)
    assert tumor_threshold(np.ones(4, bool), probabilities, 0.5) == pytest.approx(0.2)


def scans_of(noise):
    """Eight scans of twenty slices, six of them with tumour, and what a stage 1 with so much noise says of them."""
    rng = np.random.default_rng(5)
    labels = [np.isin(np.arange(20), np.arange(6) + rng.integers(0, 14)) for _ in range(8)]
    return labels, [np.clip(0.2 + 0.6 * one + rng.normal(0, noise, 20), 0.01, 0.99) for one in labels]


def test_smoothing_is_chosen_by_what_it_brings():
    labels, noisy = scans_of(0.35)
    chosen = smoothing(labels, noisy, 0.9)
    assert chosen["sigma"] > 0
    truth = np.concatenate(labels)
    along = apply_temperature(np.concatenate([smoothed(one, chosen["sigma"]) for one in noisy]), chosen["temperature"])
    assert (along[truth] >= chosen["threshold"]).mean() >= 0.9
    alone = np.concatenate(noisy)
    passed = (along[~truth] >= chosen["threshold"]).mean()
    assert passed < (alone[~truth] >= tumor_threshold(truth, alone, 0.9)).mean()


def test_nothing_is_smoothed_where_that_brings_nothing():
    assert smoothing(*scans_of(0.02), 0.9) is None  # every slice is right already


def test_slices_of_one_scan_do_not_reach_into_the_next():
    rng = np.random.default_rng(5)
    labels = [np.ones(6, bool), np.zeros(6, bool)] * 4
    said = [np.clip(0.2 + 0.6 * one + rng.normal(0, 0.35, 6), 0.01, 0.99) for one in labels]
    chosen = smoothing(labels, said, 0.9)
    kept = SimpleNamespace(labels=np.concatenate(labels), probabilities=np.concatenate(said), counts=[6] * 8)
    softened = [apply_temperature(one, 1.3) for one in said]
    made = choose_stage1(kept, 1.3, sensitivity=0.9, smooth=True)
    assert made["tumor_smoothing"] == pytest.approx(smoothing(labels, softened, 0.9))
    assert choose_stage1(kept, 1.3, sensitivity=0.9, smooth=False).keys() == {"tumor_threshold"}
    apart = np.concatenate([smoothed(one, chosen["sigma"]) for one in said])
    together = smoothed(np.concatenate(said), chosen["sigma"])
    truth = np.concatenate(labels)
    assert apart[truth].mean() > together[truth].mean()
    assert chosen["threshold"] == tumor_threshold(truth, apply_temperature(apart, chosen["temperature"]), 0.9)


@pytest.mark.parametrize(
    ("best", "chosen"), [([3], 3), ([3, 4], 3), ([3, 4, 5], 4), (range(19), 9), ([0, 1, 2, 3, 17], 2)], ids=str
)
def test_of_equally_good_mask_thresholds_the_middle_one_is_chosen(best, chosen):
    scores = np.full(len(MASK_THRESHOLDS), 0.5)
    scores[list(best)] = 0.9 + np.linspace(0, 1e-12, len(best))  # sums in another order
    assert middle_of_best(scores) == MASK_THRESHOLDS[chosen]
