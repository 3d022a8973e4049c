"""Reliability tables and the expected calibration error, compared with scikit-learn and hand calculation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.calibration import calibration_curve

from components.metrics.calibration import ece, ece_if_calibrated, reliability

probabilities = arrays(float, 40, elements=st.floats(0, 1))


@settings(deadline=None)
@given(probabilities, arrays(bool, 40), st.integers(1, 20))
def test_equal_width_bins_match_scikit_learn(predicted, labels, bins):
    # The two disagree on values exactly at the edge of a bin.
    predicted = np.clip(predicted, 1e-6, 1 - 1e-6)
    predicted = np.where(np.abs(predicted * bins - np.round(predicted * bins)) < 1e-6, predicted + 1e-5, predicted)
    table = reliability(predicted, labels, bins, by="width")
    observed, mean = calibration_curve(labels, predicted, n_bins=bins, pos_label=True)
    assert table["observed_frequency"].tolist() == pytest.approx(observed)
    assert table["mean_probability"].tolist() == pytest.approx(mean)


@settings(deadline=None)
@given(arrays(float, 40, elements=st.floats(0, 1), unique=True), arrays(bool, 40), st.sampled_from([1, 4, 5, 8, 40]))
def test_equal_mass_bins_hold_equal_counts(predicted, labels, bins):
    table = reliability(predicted, labels, bins)
    order = np.argsort(predicted)
    parts = np.split(order, bins)
    assert table["count"].tolist() == [40 / bins] * bins
    assert table["mean_probability"].tolist() == pytest.approx([predicted[part].mean() for part in parts])
    assert table["observed_frequency"].tolist() == pytest.approx([labels[part].mean() for part in parts])
    assert table["low"].tolist() == [predicted[part].min() for part in parts]
    assert table["high"].tolist() == [predicted[part].max() for part in parts]
    gap = [abs(predicted[part].mean() - labels[part].mean()) for part in parts]
    assert ece(table) == pytest.approx(np.mean(gap))


@settings(deadline=None)
@given(arrays(float, 30, elements=st.sampled_from([0, 0.25, 0.5, 1])), arrays(bool, 30), st.randoms())
def test_equal_probabilities_share_a_bin_whatever_their_order(predicted, labels, random):
    table = reliability(predicted, labels, 7)
    assert table["count"].sum() == 30
    assert (table["high"].to_numpy()[:-1] < table["low"].to_numpy()[1:]).all()
    order = random.sample(range(30), 30)
    assert reliability(predicted[order], labels[order], 7).equals(table)


@settings(deadline=None)
@given(probabilities, arrays(bool, 40), arrays(int, 40, elements=st.integers(0, 3)), st.sampled_from(["mass", "width"]))
def test_a_weight_counts_as_that_many_copies(predicted, labels, weights, by):
    weighted = reliability(predicted, labels, 6, weights=weights, by=by)
    copied = reliability(np.repeat(predicted, weights), np.repeat(labels, weights), 6, by=by)
    assert weighted.to_numpy() == pytest.approx(copied.to_numpy())


def test_the_calibration_error_matches_hand_calculation():
    predicted = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9])
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    table = reliability(predicted, labels, 2)
    assert table["count"].tolist() == [4, 4]
    assert table["observed_frequency"].tolist() == [0.25, 1]
    assert ece(table) == pytest.approx((0.15 + 0.1) / 2)


def test_bins_are_weighted_by_their_counts():
    table = reliability(np.array([0.1, 0.1, 0.1, 0.9]), np.zeros(4), 2, by="width")
    assert ece(table) == pytest.approx((3 * 0.1 + 0.9) / 4)


def test_tied_probabilities_go_to_the_bin_of_their_middle():
    table = reliability(np.repeat([0.0, 0.5, 1.0], [4, 4, 2]), np.zeros(10), 2)
    assert table["count"].tolist() == [4, 6]
    table = reliability(np.repeat([0.0, 0.5, 1.0], [2, 5, 3]), np.zeros(10), 2)
    assert table["count"].tolist() == [7, 3]


def test_over_confidence_raises_the_error_and_calibration_does_not():
    rng = np.random.default_rng(0)
    calibrated = rng.random(20_000)
    labels = rng.random(20_000) < calibrated
    assert ece(reliability(calibrated, labels)) < 0.015
    over_confident = np.where(calibrated > 0.5, 0.99, 0.01)
    assert ece(reliability(over_confident, labels)) == pytest.approx(0.24, abs=0.02)


def test_always_predicting_zero_scores_the_share_of_positives():
    labels = np.arange(200) < 2
    assert ece(reliability(np.zeros(200), labels)) == 0.01
    assert ece(reliability(np.full(200, 0.01), labels)) == pytest.approx(0)


def test_chance_gives_a_calibrated_model_an_error_too():
    rng = np.random.default_rng(1)
    predicted = rng.random(300)
    expected = ece_if_calibrated(predicted)
    observed = [ece(reliability(predicted, rng.random(300) < predicted)) for _ in range(100)]
    assert expected == pytest.approx(np.mean(observed), abs=3 * np.std(observed) / 10)
    assert expected > 0.05
    assert ece_if_calibrated(np.tile(predicted, 100), draws=5) < expected / 5
    assert ece_if_calibrated(np.array([0.0, 1.0])) == 0


def test_without_samples_the_table_is_empty_and_the_error_is_none():
    table = reliability(np.zeros(0), np.zeros(0))
    assert table.empty
    assert ece(table) is None
    assert ece_if_calibrated(np.zeros(0)) is None
    with pytest.raises(ValueError, match="depth"):
        reliability(np.zeros(1), np.zeros(1), by="depth")
