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
def test_bins_of_equal_width_are_those_of_scikit_learn(said, labels, bins):
    # On the very edge of a bin the two take different sides.
    said = np.clip(said, 1e-6, 1 - 1e-6)
    said = np.where(np.abs(said * bins - np.round(said * bins)) < 1e-6, said + 1e-5, said)
    table = reliability(said, labels, bins, by="width")
    seen, mean = calibration_curve(labels, said, n_bins=bins, pos_label=True)
    assert table["observed_frequency"].tolist() == pytest.approx(seen)
    assert table["mean_probability"].tolist() == pytest.approx(mean)


@settings(deadline=None)
@given(arrays(float, 40, elements=st.floats(0, 1), unique=True), arrays(bool, 40), st.sampled_from([1, 4, 5, 8, 40]))
def test_bins_of_equal_mass_hold_equal_numbers(said, labels, bins):
    table = reliability(said, labels, bins)
    order = np.argsort(said)
    parts = np.split(order, bins)
    assert table["count"].tolist() == [40 / bins] * bins
    assert table["mean_probability"].tolist() == pytest.approx([said[part].mean() for part in parts])
    assert table["observed_frequency"].tolist() == pytest.approx([labels[part].mean() for part in parts])
    assert table["low"].tolist() == [said[part].min() for part in parts]
    assert table["high"].tolist() == [said[part].max() for part in parts]
    gap = [abs(said[part].mean() - labels[part].mean()) for part in parts]
    assert ece(table) == pytest.approx(np.mean(gap))


@settings(deadline=None)
@given(arrays(float, 30, elements=st.sampled_from([0, 0.25, 0.5, 1])), arrays(bool, 30), st.randoms())
def test_equal_probabilities_share_a_bin_whatever_their_order(said, labels, random):
    table = reliability(said, labels, 7)
    assert table["count"].sum() == 30
    assert (table["high"].to_numpy()[:-1] < table["low"].to_numpy()[1:]).all()
    order = random.sample(range(30), 30)
    assert reliability(said[order], labels[order], 7).equals(table)


@settings(deadline=None)
@given(probabilities, arrays(bool, 40), arrays(int, 40, elements=st.integers(0, 3)), st.sampled_from(["mass", "width"]))
def test_a_weight_is_a_number_of_copies(said, labels, weights, by):
    weighted = reliability(said, labels, 6, weights=weights, by=by)
    copied = reliability(np.repeat(said, weights), np.repeat(labels, weights), 6, by=by)
    assert weighted.to_numpy() == pytest.approx(copied.to_numpy())


def test_an_error_by_hand():
    said = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9])
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    table = reliability(said, labels, 2)
    assert table["count"].tolist() == [4, 4]
    assert table["observed_frequency"].tolist() == [0.25, 1]
    assert ece(table) == pytest.approx((0.15 + 0.1) / 2)


def test_a_bin_weighs_what_it_holds():
    table = reliability(np.array([0.1, 0.1, 0.1, 0.9]), np.zeros(4), 2, by="width")
    assert ece(table) == pytest.approx((3 * 0.1 + 0.9) / 4)


def test_a_tie_goes_where_its_middle_lies():
    table = reliability(np.repeat([0.0, 0.5, 1.0], [4, 4, 2]), np.zeros(10), 2)
    assert table["count"].tolist() == [4, 6]
    table = reliability(np.repeat([0.0, 0.5, 1.0], [2, 5, 3]), np.zeros(10), 2)
    assert table["count"].tolist() == [7, 3]


def test_over_confidence_shows_and_calibration_does_not():
    rng = np.random.default_rng(0)
    honest = rng.random(20_000)
    labels = rng.random(20_000) < honest
    assert ece(reliability(honest, labels)) < 0.015
    boastful = np.where(honest > 0.5, 0.99, 0.01)
    assert ece(reliability(boastful, labels)) == pytest.approx(0.24, abs=0.02)


def test_saying_nothing_scores_the_share_of_positives():
    labels = np.arange(200) < 2
    assert ece(reliability(np.zeros(200), labels)) == 0.01
    assert ece(reliability(np.full(200, 0.01), labels)) == pytest.approx(0)


def test_chance_gives_a_calibrated_model_an_error_too():
    rng = np.random.default_rng(1)
    said = rng.random(300)
    expected = ece_if_calibrated(said)
    seen = [ece(reliability(said, rng.random(300) < said)) for _ in range(100)]
    assert expected == pytest.approx(np.mean(seen), abs=3 * np.std(seen) / 10)
    assert expected > 0.05
    assert ece_if_calibrated(np.tile(said, 100), draws=5) < expected / 5
    assert ece_if_calibrated(np.array([0.0, 1.0])) == 0


def test_without_samples_there_is_none():
    table = reliability(np.zeros(0), np.zeros(0))
    assert table.empty
    assert ece(table) is None
    assert ece_if_calibrated(np.zeros(0)) is None
    with pytest.raises(ValueError, match="depth"):
        reliability(np.zeros(1), np.zeros(1), by="depth")
