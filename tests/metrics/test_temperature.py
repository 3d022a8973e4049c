"""Temperature scaling: the fitted temperature, its limits, and scaled probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from components.metrics.calibration import ece, reliability
from components.metrics.temperature import RANGE, apply_temperature, logits, nll, temperature


def sample(true_temperature, count=20_000, seed=0):
    """Probabilities that need this temperature, and labels."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 3, count)
    return expit(z), rng.random(count) < expit(z / true_temperature)


@pytest.mark.parametrize("expected", [0.4, 1.0, 2.5, 6.0])
def test_the_temperature_behind_the_labels_is_found(expected):
    probabilities, labels = sample(expected)
    found = temperature(probabilities, labels)
    assert found == pytest.approx(expected, rel=0.05)
    assert ece(reliability(apply_temperature(probabilities, found), labels)) < 0.015
    assert nll(probabilities, labels, temperature=found) <= nll(probabilities, labels)


def test_the_temperature_is_one_over_a_logistic_regressions_slope():
    probabilities, labels = sample(2.0, 300)
    weights = np.random.default_rng(1).integers(0, 4, 300)
    model = LogisticRegression(penalty=None, fit_intercept=False, tol=1e-8, solver="newton-cg")
    model.fit(logits(probabilities)[:, None], labels, weights)
    assert temperature(probabilities, labels, weights) == pytest.approx(1 / model.coef_[0, 0], rel=1e-3)


@settings(deadline=None)
@given(arrays(float, 20, elements=st.floats(0.001, 0.999)), arrays(bool, 20))
def test_the_loss_matches_scikit_learn(probabilities, labels):
    assert nll(probabilities, labels) == pytest.approx(log_loss(labels, probabilities, labels=[False, True]))


@settings(deadline=None)
@given(arrays(float, 20, elements=st.floats(0, 1)), arrays(bool, 20))
def test_the_temperature_stays_in_range_and_never_worsens_the_loss(probabilities, labels):
    found = temperature(probabilities, labels)
    assert RANGE[0] <= found <= RANGE[1]
    assert nll(probabilities, labels, temperature=found) <= nll(probabilities, labels) + 1e-6


@settings(deadline=None)
@given(arrays(np.float32, 20, elements=st.floats(0, 1, width=32)), st.floats(*RANGE))
def test_scaling_keeps_order_and_one_half_and_is_reversible(probabilities, factor):
    scaled = apply_temperature(probabilities, factor)
    assert (np.diff(scaled[np.argsort(probabilities, kind="stable")]) >= 0).all()
    assert apply_temperature(0.5, factor) == 0.5
    assert ((scaled > 0.5) == (logits(probabilities) > 0)).all()
    assert apply_temperature(scaled, 1 / factor)[np.abs(logits(probabilities) / factor) < 10] == pytest.approx(
        probabilities[np.abs(logits(probabilities) / factor) < 10].astype(float), abs=1e-5
    )


def test_scaling_matches_hand_calculation():
    assert apply_temperature(0.8, 2) == pytest.approx(2 / 3)  # odds 4 become odds 2
    assert apply_temperature(np.array([[0.2]]), 0.5) == pytest.approx(np.array([[1 / 17]]))


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        ([], []),
        ([0.2, 0.9], [1, 1]),
        ([0.2, 0.9], [0, 0]),
        ([0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1]),
        ([0.5, 0.5], [0, 1]),
    ],
)
def test_uninformative_samples_give_a_temperature_of_one(probabilities, labels):
    assert temperature(np.array(probabilities), np.array(labels)) == 1


def test_samples_of_zero_weight_are_ignored():
    probabilities, labels = np.array([0.1, 0.4, 0.6, 0.9, 0.9]), np.array([0, 0, 1, 1, 0])
    assert temperature(probabilities, labels) > 1
    assert temperature(probabilities, labels, np.array([1, 1, 1, 1, 0])) == 1
    assert temperature(probabilities[2:], labels[2:], np.array([1, 1, 0])) == 1


def test_certain_mistakes_stop_at_the_upper_bound():
    found = temperature(np.array([1.0, 0.0]), np.array([0, 1]))
    assert found == pytest.approx(RANGE[1], rel=1e-3)
    assert np.isfinite(nll(np.array([1.0, 0.0]), np.array([0, 1])))
