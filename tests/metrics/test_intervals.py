"""Bootstrap intervals over patients: coverage, reproducibility and textbook values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from components.metrics.intervals import STATISTICS, interval

values = st.lists(st.floats(0, 1), min_size=2, max_size=20)


@settings(max_examples=40, deadline=None)
@given(values, st.sampled_from(sorted(STATISTICS)))
def test_the_interval_lies_within_the_values_and_is_reproducible(numbers, statistic):
    found = interval(numbers, statistic, seed=1, draws=200)
    assert min(numbers) - 1e-12 <= found.low <= found.high <= max(numbers) + 1e-12
    assert found == interval(numbers, statistic, seed=1, draws=200)


def test_each_statistic_matches_its_name():
    numbers = np.arange(11) ** 2 / 100
    assert interval(numbers, "mean", seed=0).value == pytest.approx(0.35)
    assert interval(numbers, "median", seed=0).value == 0.25
    assert interval(numbers, "p10", seed=0).value == 0.01


def test_many_normal_values_give_the_textbook_interval():
    numbers = np.random.default_rng(0).normal(10, 2, 400)
    error = numbers.std(ddof=1) / 20
    found = interval(numbers, "mean", seed=0)
    assert found.low == pytest.approx(found.value - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(found.value + 1.96 * error, abs=0.2 * error)
    assert found.note == ""


def test_the_interval_of_a_skewed_mean_leans_towards_the_tail():
    numbers = np.random.default_rng(1).exponential(size=25)
    means = np.random.default_rng(9).choice(numbers, (20_000, 25)).mean(axis=1)
    # The BCa interval of Efron (1987), from our own draws.
    bias = stats.norm.ppf((means < numbers.mean()).mean())
    without_one = (numbers.sum() - numbers) / 24
    gap = without_one.mean() - without_one
    acceleration = (gap**3).sum() / (6 * (gap**2).sum() ** 1.5)
    ends = bias + stats.norm.ppf([0.025, 0.975])
    low, high = np.quantile(means, stats.norm.cdf(bias + ends / (1 - acceleration * ends)))
    found = interval(numbers, "mean", seed=0, draws=10_000)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.03)
    plain_low, plain_high = np.percentile(means, [2.5, 97.5])
    assert found.low > plain_low + 0.04
    assert found.high > plain_high + 0.08


def test_the_interval_covers_the_truth_about_95_percent_of_the_time():
    rng = np.random.default_rng(7)
    hits = sum(
        one.low <= 1 <= one.high for one in (interval(rng.exponential(size=40), seed=i, draws=300) for i in range(300))
    )
    assert 0.90 <= hits / 300 <= 0.98


def test_equal_values_have_an_interval_of_zero_width():
    assert (interval([0.3] * 5, seed=0).low, interval([0.3] * 5, seed=0).high) == (0.3, 0.3)
    nearly = interval([0.1, 0.1, np.nextafter(0.1, 1)], seed=0)
    assert nearly.low == pytest.approx(0.1)
    assert nearly.high == pytest.approx(0.1)


@pytest.mark.parametrize(("numbers", "value"), [([], None), ([0.7], 0.7)])
def test_too_few_patients_have_no_interval(numbers, value):
    found = interval(numbers, seed=0)
    assert (found.value, found.low, found.high) == (value, None, None)
    assert found.note == f"too few patients for an interval: {len(numbers)}"


def test_a_small_sample_gets_a_note():
    assert interval(np.linspace(0, 1, 19), seed=0).note.startswith("only 19 patients")
    assert interval(np.linspace(0, 1, 20), seed=0).note == ""


def test_nan_is_refused():
    with pytest.raises(ValueError, match="not a finite number"):
        interval([0.1, float("nan")], seed=0)


def test_the_interval_of_the_median_is_near_that_of_order_statistics():
    numbers = np.random.default_rng(5).random(51)
    found = interval(numbers, "median", seed=0)
    rank = stats.binom.ppf([0.025, 0.975], 51, 0.5).astype(int)
    low, high = np.sort(numbers)[rank]
    assert found.low == pytest.approx(low, abs=0.05)
    assert found.high == pytest.approx(high, abs=0.05)
