"""Intervals of slice-level statistics resample whole patients."""

from __future__ import annotations

import numpy as np
import pytest

from components.metrics.clusters import cluster_interval
from components.metrics.slice_scores import auroc


def mean(column):
    return float(column.mean())


def test_with_one_slice_per_patient_it_is_the_plain_bootstrap():
    numbers = np.random.default_rng(0).normal(size=60)
    found = cluster_interval(mean, np.arange(60), numbers, seed=0)
    draws = np.random.default_rng(1).choice(numbers, (4000, 60)).mean(axis=1)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])), abs=0.03)
    assert found.value == numbers.mean()
    assert found.persons == 60


def test_copies_of_a_slice_do_not_narrow_the_interval():
    numbers = np.random.default_rng(0).normal(size=30)
    once = cluster_interval(mean, np.arange(30), numbers, seed=0)
    copied = cluster_interval(mean, np.repeat(np.arange(30), 20), np.repeat(numbers, 20), seed=0)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    naive = cluster_interval(mean, np.arange(600), np.repeat(numbers, 20), seed=0)
    assert naive.high - naive.low < 0.4 * (copied.high - copied.low)


def test_slices_stay_with_their_patient_and_columns_stay_aligned():
    patients = np.array(["b", "a", "c", "a", "b"])
    calls = []

    def remember(names, numbers):
        calls.append((names.tolist(), numbers.tolist()))
        return 0.0

    cluster_interval(remember, patients, patients, np.arange(5), seed=0, draws=50)
    for names, numbers in calls:
        assert [patients[n] for n in numbers] == names
        for name, size in (("a", 2), ("b", 2), ("c", 1)):
            assert names.count(name) % size == 0
    assert any(len(names) != 5 for names, _ in calls)


def test_the_auroc_lies_within_its_interval():
    rng = np.random.default_rng(3)
    patients = np.repeat(np.arange(25), 20)
    labels = rng.random(500) < 0.35
    probabilities = np.clip(0.4 * labels + rng.normal(0.3, 0.2, 500), 0, 1)
    found = cluster_interval(auroc, patients, labels, probabilities, seed=0, draws=200)
    assert 0.5 < found.low < found.value < found.high < 1
    assert found == cluster_interval(auroc, patients, labels, probabilities, seed=0, draws=200)
    assert found.note == ""


def test_draws_missing_a_class_are_skipped():
    patients, labels = np.repeat(np.arange(6), 4), np.arange(24) < 3  # a third of the draws lack patient 0
    found = cluster_interval(auroc, patients, labels, np.linspace(1, 0, 24), seed=0, draws=100)
    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_too_few_patients_or_classes_give_no_interval():
    one = cluster_interval(mean, np.zeros(5), np.arange(5), seed=0)
    assert (one.value, one.low, one.note) == (2.0, None, "too few patients for an interval: 1")
    none = cluster_interval(mean, np.zeros(0), np.zeros(0), seed=0)
    assert (none.value, none.low, none.persons) == (None, None, 0)
    labels = np.zeros(10, bool)
    single = cluster_interval(auroc, np.arange(10), labels, np.arange(10) / 10, seed=0)
    assert (single.value, single.low) == (None, None)
    assert "both classes" in single.note
