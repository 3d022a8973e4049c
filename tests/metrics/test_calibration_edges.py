"""Edge cases of calibration bins, temperatures and the choice of processing, against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from components.metrics.calibration import ece_if_calibrated, reliability
from components.metrics.choice import CANDIDATES, Choice
from components.metrics.temperature import temperature

PROBABILITIES = np.random.default_rng(0).permutation(np.linspace(0.001, 0.999, 600))
LABELS = np.random.default_rng(1).random(600) < PROBABILITIES


def test_there_are_fifteen_bins_by_default():
    for by in ("mass", "width"):
        table = reliability(PROBABILITIES, LABELS, by=by)
        assert table["count"].tolist() == [40] * 15
        assert table.equals(reliability(PROBABILITIES, LABELS, 15, by=by))
    assert ece_if_calibrated(PROBABILITIES) == ece_if_calibrated(PROBABILITIES, 15)


def test_the_last_equal_width_bin_includes_one():
    table = reliability(np.array([0.0, 0.05, 0.1, 0.95, 1.0]), np.array([0, 0, 0, 1, 1]), 10, by="width")
    assert table["low"].tolist() == [0, 0.1, 0.95]
    assert table["high"].tolist() == [0.05, 0.1, 1]


@pytest.mark.parametrize("by", ["mass", "width"])
@pytest.mark.parametrize("scale", [1e-3, 0.5, 7])
def test_scaling_all_weights_changes_no_bin(by, scale):
    weights = np.random.default_rng(2).integers(0, 4, 600).astype(float)
    table = reliability(PROBABILITIES, LABELS, weights=weights, by=by)
    scaled = reliability(PROBABILITIES, LABELS, weights=scale * weights, by=by)
    assert scaled["count"].to_numpy() == pytest.approx(scale * table["count"].to_numpy())
    assert scaled.drop(columns="count").to_numpy() == pytest.approx(table.drop(columns="count").to_numpy())


@pytest.mark.parametrize("by", ["depth", "number", "weight", "zone", ""])
def test_unknown_kinds_of_bins_are_refused(by):
    with pytest.raises(ValueError, match=f'bins go by "mass" or "width", not by "{by}"'):
        reliability(PROBABILITIES, LABELS, by=by)


def test_chance_uses_a_hundred_draws_and_a_fixed_seed_by_default():
    probabilities = PROBABILITIES[:50]
    assert ece_if_calibrated(probabilities) == ece_if_calibrated(probabilities, seed=0, draws=100)
    assert (
        len({ece_if_calibrated(probabilities, seed=seed, draws=draws) for seed in (0, 1) for draws in (99, 100, 101)})
        == 6
    )


def test_a_temperature_lies_between_a_tenth_and_ten():
    assert temperature(np.array([1.0, 0.0]), np.array([0, 1])) == pytest.approx(10, rel=1e-3)
    # Almost right: the one mistake costs next to nothing at any temperature.
    assert temperature(np.array([0.4999999, 0.6, 0.4]), np.array([1, 1, 0])) == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [([0.3, 0.9, 0.1], [1, 1, 0]), ([0.9, 0.7, 0.1], [1, 0, 0]), ([0.5, 0.6, 0.2], [0, 0, 1])],
)
def test_mistakes_in_one_class_are_enough_to_fit_a_temperature(probabilities, labels):
    assert temperature(np.array(probabilities), np.array(labels)) != 1


def test_gains_up_to_a_billionth_per_patient_count_as_ties():
    def best(patients, ahead):
        total = np.full(len(CANDIDATES), 0.5 * patients)
        total[-1] += ahead
        return Choice(patients, total, np.zeros(len(CANDIDATES), int), persons=patients).best()

    assert best(2, 1.8e-9) == best(1000, 0.9e-6) == CANDIDATES[0]
    assert best(2, 3e-9) == best(1000, 1.5e-6) == CANDIDATES[-1]
