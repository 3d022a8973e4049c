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
    """Logits and labels such that the probabilities need this temperature."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 3, count)
    return expit(z), rng.random(count) < expit(z / true_temperature)


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5, 6.0])
def test_it_finds_the_temperature_that_made_the_labels(true):
    said, labels = sample(true)
    found = temperature(said, labels)
    assert found == pytest.approx(true, rel=0.05)
    assert ece(reliability(apply_temperature(said, found), labels)) < 0.015
    assert nll(said, labels, temperature=found) <= nll(said, labels)


def test_it_is_one_over_the_slope_of_a_logistic_regression():
    said, labels = sample(2.0, 300)
    weights = np.random.default_rng(1).integers(0, 4, 300)
    model = LogisticRegression(penalty=None, fit_intercept=False, tol=1e-8, solver="newton-cg")
    model.fit(logits(said)[:, None], labels, weights)
    assert temperature(said, labels, weights) == pytest.approx(1 / model.coef_[0, 0], rel=1e-3)


@settings(deadline=None)
@given(arrays(float, 20, elements=st.floats(0.001, 0.999)), arrays(bool, 20))
def test_the_loss_is_that_of_scikit_learn(said, labels):
    assert nll(said, labels) == pytest.approx(log_loss(labels, said, labels=[False, True]))


@settings(deadline=None)
@given(arrays(float, 20, elements=st.floats(0, 1)), arrays(bool, 20))
def test_it_stays_in_range_and_never_makes_it_worse(said, labels):
    found = temperature(said, labels)
    assert RANGE[0] <= found <= RANGE[1]
    assert nll(said, labels, temperature=found) <= nll(said, labels) + 1e-6


@settings(deadline=None)
@given(arrays(np.float32, 20, elements=st.floats(0, 1, width=32)), st.floats(*RANGE))
def test_scaling_keeps_the_order_and_one_half_and_can_be_undone(said, factor):
    scaled = apply_temperature(said, factor)
    assert (np.diff(scaled[np.argsort(said, kind="stable")]) >= 0).all()
    assert apply_temperature(0.5, factor) == 0.5
    assert ((scaled > 0.5) == (logits(said) > 0)).all()
    assert apply_temperature(scaled, 1 / factor)[np.abs(logits(said) / factor) < 10] == pytest.approx(
        said[np.abs(logits(said) / factor) < 10].astype(float), abs=1e-5
    )


def test_scaling_by_hand():
    assert apply_temperature(0.8, 2) == pytest.approx(2 / 3)  # odds 4 become odds 2
    assert apply_temperature(np.array([[0.2]]), 0.5) == pytest.approx(np.array([[1 / 17]]))


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ([], []),
        ([0.2, 0.9], [1, 1]),
        ([0.2, 0.9], [0, 0]),
        ([0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1]),
        ([0.5, 0.5], [0, 1]),
    ],
)
def test_samples_that_can_not_tell_change_nothing(said, labels):
    assert temperature(np.array(said), np.array(labels)) == 1


def test_what_weighs_nothing_says_nothing():
    said, labels = np.array([0.1, 0.4, 0.6, 0.9, 0.9]), np.array([0, 0, 1, 1, 0])
    assert temperature(said, labels) > 1
    assert temperature(said, labels, np.array([1, 1, 1, 1, 0])) == 1
    assert temperature(said[2:], labels[2:], np.array([1, 1, 0])) == 1


def test_certainty_in_a_mistake_stops_at_the_bound():
    found = temperature(np.array([1.0, 0.0]), np.array([0, 1]))
    assert found == pytest.approx(RANGE[1], rel=1e-3)
    assert np.isfinite(nll(np.array([1.0, 0.0]), np.array([0, 1])))
