"""The paired test of candidate against champion: p-values, margins and bounds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.metrics.paired import paired_difference, sign_flip_p


def by_patient(numbers):
    return {f"p{i:02}": float(n) for i, n in enumerate(numbers)}


def compare(candidate, champion, margin=0.0, seed=0):
    return paired_difference(by_patient(candidate), by_patient(champion), margin=margin, seed=seed)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=8))
def test_the_p_value_is_the_share_of_sign_patterns_at_least_as_large(numbers):
    values = np.array(numbers, float)
    patterns = [np.dot(signs, values) for signs in itertools.product([1, -1], repeat=len(values))]
    assert sign_flip_p(values, 0) == pytest.approx(np.mean([total >= values.sum() for total in patterns]))


def test_thirteen_patients_are_tested_exactly_and_fourteen_by_sampling():
    rng = np.random.default_rng(0)
    exact, sampled = rng.normal(0.01, 0.05, 13), rng.normal(0.01, 0.05, 14)
    found = compare(0.8 + exact, [0.8] * 13)
    signs = np.array(list(itertools.product([1, -1], repeat=13)))
    assert found.test == "exact"
    assert found.p_value == pytest.approx((signs @ exact >= exact.sum() - 1e-12).mean())
    found = compare(0.8 + sampled, [0.8] * 14)
    signs = np.array(list(itertools.product([1, -1], repeat=14)))
    assert found.test == "monte carlo"
    assert found.p_value == pytest.approx((signs @ sampled >= sampled.sum()).mean(), abs=0.02)
    hits = found.p_value * (2**13 + 1)  # among the sampled patterns and the observed one
    assert hits == pytest.approx(round(hits))
    assert found.p_value == compare(0.8 + sampled, [0.8] * 14).p_value


def test_a_win_a_loss_and_a_tie_are_distinguished():
    champion = np.linspace(0.6, 0.9, 10)
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.01, 10)
    win, lose = compare(champion + 0.05 + noise, champion, 0.02), compare(champion - 0.05 + noise, champion, 0.02)
    assert win.not_inferior
    assert win.mean > 0.02
    assert win.low95 > 0
    assert not lose.not_inferior
    assert lose.p_value > 0.95
    assert lose.high95 < 0
    tie = compare(champion + noise, champion, 0.02)
    assert tie.low95 < 0 < tie.high95
    assert tie.not_inferior
    swapped = compare(champion, champion + 0.05 + noise, 0.02)
    assert swapped.mean == pytest.approx(-win.mean)
    assert not swapped.not_inferior


def test_a_model_is_no_worse_than_itself_but_not_better():
    same = np.linspace(0.6, 0.9, 8)
    assert (compare(same, same, 0.01).p_value, compare(same, same, 0.0).p_value) == (2**-8, 1)


def test_a_wider_margin_never_raises_the_p_value():
    rng = np.random.default_rng(4)
    champion, candidate = rng.random(9), rng.random(9)
    found = [compare(candidate, champion, margin).p_value for margin in (0, 0.05, 0.1, 0.3, 1)]
    assert found == sorted(found, reverse=True)


def test_at_the_margin_one_in_twenty_passes():
    rng = np.random.default_rng(6)
    passed = [compare(0.5 + rng.normal(-0.02, 0.05, 10), [0.5] * 10, 0.02).not_inferior for _ in range(400)]
    assert np.mean(passed) == pytest.approx(0.05, abs=0.03)


def test_the_one_sided_bound_lies_within_the_two_sided_interval():
    rng = np.random.default_rng(8)
    found = compare(rng.normal(0.1, 0.1, 40), np.zeros(40))
    assert found.low95 < found.low95_one_sided < found.mean < found.high95
    assert found.low95_one_sided == pytest.approx(found.mean - 1.645 * 0.1 / np.sqrt(40), abs=0.01)


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_too_few_patients_are_reported_and_never_pass(count):
    found = compare([0.99] * count, [0.1] * count, 0.5)
    assert found.p_value is None
    assert not found.not_inferior
    assert found.test == "too few patients"
    assert found.note.startswith("too few patients")
    assert (found.low95 is None) == (found.low95_one_sided is None) == (count < 2)


def test_five_patients_are_just_enough_for_a_result():
    found = compare([0.99] * 5, [0.1] * 5)
    assert (found.p_value, found.test) == (1 / 32, "exact")
    assert found.not_inferior
    assert found.note == "only 5 patients, so the interval covers less than 95 %"


def test_the_order_of_patients_does_not_matter():
    rng = np.random.default_rng(3)
    candidate, champion = by_patient(rng.random(20)), by_patient(rng.random(20))
    reordered = dict(reversed(candidate.items()))
    assert paired_difference(candidate, champion, margin=0, seed=1) == paired_difference(
        reordered, champion, margin=0, seed=1
    )


def test_a_lost_patient_is_named_even_if_the_mean_improves():
    champion = np.full(20, 0.8)
    candidate = champion + 0.05
    candidate[7] = 0
    found = compare(candidate, champion, 0.02)
    assert found.mean > 0
    assert (found.worst, found.worst_patient) == (-0.8, "p07")
    assert (compare([], []).worst, compare([], []).worst_patient) == (None, None)


def test_mismatched_patients_nan_scores_and_bad_margins_are_refused():
    with pytest.raises(ValueError, match="same patients: p02"):
        compare([1, 1, 1], [1, 1])
    with pytest.raises(ValueError, match=r"same patients: p01, p02, p03$"):
        compare([1], [1, 1, 1, 1, 1])
    with pytest.raises(ValueError, match="not a finite number"):
        compare([1, float("nan")], [1, 1])
    for margin in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="margin"):
            compare([1, 1], [1, 1], margin)


def test_a_p_value_of_five_percent_is_just_enough():
    found = compare([0.99] * 5, [0.1] * 5)
    assert replace(found, p_value=0.05).not_inferior
    assert not replace(found, p_value=0.0501).not_inferior
