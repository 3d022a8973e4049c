"""Risk-coverage curves and the area under them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.metrics.risk import aurc, risk_coverage

patients = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.floats(0, 1)), min_size=1, max_size=6)


@settings(deadline=None)
@given(patients)
def test_the_risk_is_the_mean_over_all_orders_the_doubt_allows(rows):
    doubt, dice = map(np.array, zip(*rows, strict=True))
    curves = []
    for order in itertools.permutations(range(len(rows))):
        if (np.diff(doubt[list(order)]) >= 0).all():
            curves.append([np.mean(1 - dice[list(order[:kept])]) for kept in range(1, len(rows) + 1)])
    curve = risk_coverage(doubt, dice)
    assert curve["risk"].tolist() == pytest.approx(np.mean(curves, axis=0))
    assert curve["coverage"].tolist() == pytest.approx([kept / len(rows) for kept in range(1, len(rows) + 1)])
    assert aurc(curve)["aurc"] == pytest.approx(np.mean(curves))


@settings(deadline=None)
@given(patients)
def test_the_oracle_is_lowest_and_all_curves_meet_at_the_end(rows):
    doubt, dice = map(np.array, zip(*rows, strict=True))
    curve = risk_coverage(doubt, dice)
    assert (curve["oracle"] <= curve["risk"] + 1e-9).all()
    assert (curve["oracle"] <= curve["random"] + 1e-9).all()
    last = curve.iloc[-1]
    assert last["risk"] == pytest.approx(last["oracle"])
    assert last["risk"] == pytest.approx(last["random"])
    areas = aurc(curve)
    assert areas["gain"] is None or areas["gain"] <= 1 + 1e-9


def test_risk_and_gain_match_hand_calculation():
    curve = risk_coverage(np.array([0.3, 0.1, 0.2]), np.array([0.5, 0.9, 0.8]))
    assert curve["risk"].tolist() == pytest.approx([0.1, 0.15, 0.8 / 3])
    assert curve["random"].tolist() == pytest.approx([0.8 / 3] * 3)
    assert aurc(curve)["gain"] == pytest.approx(1)


def test_reversed_doubt_is_worse_than_chance_and_flat_doubt_equals_it():
    dice = np.linspace(0.2, 0.9, 12)
    assert aurc(risk_coverage(-dice, dice))["gain"] == pytest.approx(1)
    assert aurc(risk_coverage(dice, dice))["gain"] < -0.5
    flat = aurc(risk_coverage(np.ones(12), dice))
    assert flat["gain"] == pytest.approx(0)
    assert flat["aurc"] == pytest.approx(flat["aurc_random"])


def test_without_spread_or_patients_there_is_no_gain():
    assert aurc(risk_coverage(np.array([1, 2]), np.array([0.5, 0.5])))["gain"] is None
    assert set(aurc(risk_coverage(np.zeros(0), np.zeros(0))).values()) == {None}


@pytest.mark.parametrize(("doubt", "dice"), [([1, 2], [1]), ([1, np.nan], [1, 1]), ([1, 2], [1, np.nan])])
def test_unequal_lengths_and_nan_are_refused(doubt, dice):
    with pytest.raises(ValueError, match="finite"):
        risk_coverage(np.array(doubt), np.array(dice))
