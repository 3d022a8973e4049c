"""Examinations of one person are one unit: intervals and tests count persons, and means stay over examinations."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from scipy import stats

from components.metrics.intervals import STATISTICS, interval
from components.metrics.mask_scores import patient_scores
from components.metrics.paired import paired_difference
from components.metrics.patient_summary import summarise_patients
from components.metrics.persons import counted, persons_of, rows_by_person

DICE = np.random.default_rng(2).beta(6, 1, 24)
ONCE = [f"TCGA_DU_{7000 + i}_19910101" for i in range(24)]
TWICE = [f"TCGA_DU_{7000 + i // 2}_1991010{i % 2 + 1}" for i in range(24)]  # 12 persons


def row(patient, side):
    reference, prediction = np.zeros((1, 10, 10), bool), np.zeros((1, 10, 10), bool)
    reference[0, :9, :9], prediction[0, :side, :side] = True, True
    return {"patient": patient, **patient_scores(reference, prediction, (1.0, 1.0, 1.0))}


def test_a_person_is_named_after_the_first_examination_so_the_order_stays():
    names = ["sub-1_ses-2", "sub-1-x", "P_exam2", "sub-1_ses-1", "P", "sub-1_ses-2"]
    assert persons_of(names).tolist() == ["sub-1_ses-1", "sub-1-x", "P", "sub-1_ses-1", "P", "sub-1_ses-1"]
    assert persons_of(reversed(ONCE)).tolist() == ONCE[::-1]
    assert persons_of([]).tolist() == rows_by_person([]) == []
    assert [rows.tolist() for rows in rows_by_person(persons_of(names))] == [[2, 4], [1], [0, 3, 5]]


@pytest.mark.parametrize("statistic", STATISTICS)
def test_with_one_examination_each_the_interval_is_that_over_examinations(statistic):
    alone = interval(DICE, statistic, seed=1)
    assert interval(DICE, statistic, seed=1, persons=persons_of(ONCE)) == alone
    assert (alone.persons, alone.note) == (24, "")


@pytest.mark.parametrize("statistic", STATISTICS)
def test_examinations_that_repeat_a_person_do_not_narrow_the_interval(statistic):
    once = interval(DICE[:12], statistic, seed=1)
    copied = interval(np.repeat(DICE[:12], 2), statistic, seed=1, persons=persons_of(TWICE))
    naive = interval(np.repeat(DICE[:12], 2), statistic, seed=1)
    assert copied.persons == 12
    if statistic != "p10":  # it interpolates between values, of which there are now twice as many
        assert (copied.value, copied.low, copied.high) == pytest.approx((once.value, once.low, once.high))
    assert copied.high - copied.low > 1.05 * (naive.high - naive.low)
    assert copied.note == "only 12 persons (24 examinations), so the interval covers less than 95 %"


def test_a_person_is_drawn_with_all_examinations_however_many():
    """Against our own draws of persons, whose numbers of examinations differ: the mean is a ratio of two sums."""
    sizes = np.array([1, 5, 2, 1, 3, 1, 1, 4, 2, 4])
    persons, rng = np.repeat(np.arange(10), sizes), np.random.default_rng(0)
    values = rng.normal(size=10)[persons] + 0.1 * rng.normal(size=24)
    sums = np.bincount(persons, values)
    drawn = rng.integers(10, size=(20_000, 10))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    bias = stats.norm.ppf((means < values.mean()).mean())
    without_one = (sums.sum() - sums) / (24 - sizes)
    gap = without_one.mean() - without_one
    acceleration = (gap**3).sum() / (6 * (gap**2).sum() ** 1.5)
    ends = bias + stats.norm.ppf([0.025, 0.975])
    expected = np.quantile(means, stats.norm.cdf(bias + ends / (1 - acceleration * ends)))
    found = interval(values, seed=0, draws=10_000, persons=persons)
    assert found.value == values.mean()
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.05)


def test_one_person_with_many_examinations_has_no_interval():
    found = interval(DICE[:4], seed=0, persons=["a"] * 4)
    assert (found.value, found.low, found.persons) == (DICE[:4].mean(), None, 1)
    assert found.note == "too few patients for an interval: 1"


def test_a_summary_counts_persons_and_keeps_its_means():
    once, twice = (
        summarise_patients([row(name, side) for name, side in zip(names, [9, 9, 8, 7, 3, 2] * 4, strict=True)], seed=3)
        for names in (ONCE, TWICE)
    )
    nameless = [row(name, side) for name, side in zip(ONCE, [9, 9, 8, 7, 3, 2] * 4, strict=True)]
    for one in nameless:
        del one["patient"]
    assert json.dumps(summarise_patients(nameless, seed=3)) == json.dumps(once)
    assert [twice[name] for name in ("patients", "tumor_patients", "persons", "tumor_persons")] == [24, 24, 12, 12]
    assert [once[name] for name in ("patients", "tumor_patients", "persons", "tumor_persons")] == [24] * 4
    changed = {name for name in once if once[name] != twice[name]}
    assert {"volume_dice_mean_low95", "volume_dice_note", "persons"} <= changed
    assert all(name.endswith(("95", "note", "persons")) for name in changed)


def test_the_paired_test_flips_persons():
    difference = np.random.default_rng(0).normal(0.005, 0.03, 24)
    # Unequal numbers: the first person has 13 examinations, eleven others one each.
    names = [f"TCGA_DU_{7000 + max(0, i - 12)}_199101{i + 1:02}" for i in range(24)]
    found = paired_difference(
        dict(zip(names, 0.8 + difference, strict=True)), dict.fromkeys(names, 0.8), margin=0.01, seed=0
    )
    means = np.array([difference[:13].mean(), *difference[13:]]) + 0.01
    patterns = np.array(list(itertools.product([1, -1], repeat=12))) @ means
    assert (found.patients, found.persons, found.test) == (24, 12, "exact")
    assert found.p_value == pytest.approx((patterns >= means.sum() - 1e-12).mean())
    assert found.mean == pytest.approx(difference.mean())
    assert found.worst_patient == names[int(difference.argmin())]
    assert found.note.startswith("only 12 persons (24 examinations)")


def test_examinations_of_four_persons_are_too_few_for_a_test():
    names = [f"TCGA_DU_{7000 + i % 4}_1991010{i // 4 + 1}" for i in range(8)]
    found = paired_difference(dict.fromkeys(names, 0.9), dict.fromkeys(names, 0.1), margin=0, seed=0)
    assert (found.p_value, found.not_inferior, found.test) == (None, False, "too few patients")
    assert found.note.startswith("too few patients: with 4 persons (8 examinations), no result")


def test_persons_that_names_do_not_tell_can_be_given():
    scores = dict(zip("abcdef", [0.9, 0.8, 0.7, 0.9, 0.8, 0.9], strict=True))
    zeros = dict.fromkeys(scores, 0.0)
    persons = dict(zip("abcdef", "xxyyzz", strict=True))
    assert paired_difference(scores, zeros, margin=0, seed=0).persons == 6
    assert paired_difference(scores, zeros, margin=0, seed=0, persons=persons).persons == 3


def test_counts_are_put_in_words():
    assert [counted(1, 1), counted(9, 9)] == ["1 patient", "9 patients"]
    assert [counted(1, 2), counted(6, 9)] == ["1 person (2 examinations)", "6 persons (9 examinations)"]
