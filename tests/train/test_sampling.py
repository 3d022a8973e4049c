"""Which slices make up each batch: a function of seed and step, with the requested share of tumour."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from components.common.errors import UserError
from components.train.sampling import Sampler, shuffled_stream
from components.train.training_slices import Slices

labels = st.lists(st.booleans(), min_size=1, max_size=40).map(np.array)
batches = st.integers(1, 20)
seeds = st.integers(0, 2**31 - 1)
shares = st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 2 / 3, 0.9, 1.0])


def require_both_kinds(has_tumor):
    assume(has_tumor.any() and not has_tumor.all())
    return has_tumor


def sample_slices(has_tumor, batch, seed, share=None, *, slices):
    """At least the given number of slices that a training samples first."""
    sampler = Sampler(has_tumor, batch, seed, share)
    return np.concatenate([sampler(step) for step in range(math.ceil(slices / batch))])


@settings(deadline=None, max_examples=40)
@given(labels, batches, seeds, st.none() | shares, st.lists(st.integers(0, 10**6), min_size=1, max_size=5))
def test_a_batch_depends_only_on_seed_and_step(has_tumor, batch, seed, share, steps):
    require_both_kinds(has_tumor)
    used, fresh = Sampler(has_tumor, batch, seed, share), [Sampler(has_tumor, batch, seed, share) for _ in steps]
    forwards = [used(step) for step in steps]
    backwards = [used(step) for step in reversed(steps)][::-1]
    for step, sampler, one, other in zip(steps, fresh, forwards, backwards, strict=True):
        assert len(one) == batch
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, sampler(step))


@settings(deadline=None, max_examples=40)
@given(labels, batches, seeds)
def test_without_a_share_every_slice_comes_once_per_pass(has_tumor, batch, seed):
    numbers = sample_slices(has_tumor, batch, seed, slices=3 * len(has_tumor))
    for one_pass in numbers[: 3 * len(has_tumor)].reshape(3, -1):
        np.testing.assert_array_equal(np.sort(one_pass), np.arange(len(has_tumor)))


@settings(deadline=None, max_examples=40)
@given(labels, batches, seeds, shares, st.integers(0, 200), st.integers(1, 100))
def test_any_run_of_slices_holds_the_wanted_share_of_tumour(has_tumor, batch, seed, share, start, length):
    require_both_kinds(has_tumor)
    numbers = sample_slices(has_tumor, batch, seed, share, slices=start + length)[start : start + length]
    wanted = Fraction(share).limit_denominator(100) * length
    assert math.floor(wanted) <= has_tumor[numbers].sum() <= math.ceil(wanted)


@settings(deadline=None, max_examples=40)
@given(labels, batches, seeds, shares)
def test_slices_of_one_kind_take_turns(has_tumor, batch, seed, share):
    require_both_kinds(has_tumor)
    numbers = sample_slices(has_tumor, batch, seed, share, slices=300)
    for kind in (True, False):
        of_kind = numbers[has_tumor[numbers] == kind]
        size = (has_tumor == kind).sum()
        passes = of_kind[: len(of_kind) // size * size].reshape(-1, size)
        np.testing.assert_array_equal(np.sort(passes), np.tile(np.flatnonzero(has_tumor == kind), (len(passes), 1)))


@pytest.mark.parametrize("share", [None, 0.5])
def test_every_seed_and_every_pass_is_shuffled_differently(share):
    has_tumor = np.arange(100) % 2 == 0
    first, again, other = (sample_slices(has_tumor, 10, seed, share, slices=200) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5
    assert (first[:100] != first[100:]).mean() > 0.5


def test_the_two_kinds_are_shuffled_independently():
    has_tumor = np.arange(100) % 2 == 0
    numbers = sample_slices(has_tumor, 10, 1, 0.5, slices=100)
    with_tumor, without = numbers[has_tumor[numbers]], numbers[~has_tumor[numbers]]
    assert (with_tumor // 2 != without // 2).mean() > 0.5


@pytest.mark.parametrize("percent", [1, 29, 57, 58, 99])
def test_a_hundred_slices_hold_exactly_the_share_in_percent(percent):
    has_tumor = np.arange(10) < 3
    assert has_tumor[sample_slices(has_tumor, 10, 1, percent / 100, slices=100)].sum() == percent


def test_the_share_holds_far_into_a_training():
    has_tumor = np.arange(10) < 3
    for share in (0.1, 0.3, 0.7):
        sampler = Sampler(has_tumor, 10, 1, share)
        assert {int(has_tumor[sampler(step)].sum()) for step in (0, 10**5, 10**7)} == {round(10 * share)}


def test_the_order_is_the_same_on_every_machine():
    assert shuffled_stream(5, np.arange(10), seed=1).tolist() == [4, 0, 1, 2, 3, 2, 4, 0, 1, 3]


@pytest.mark.parametrize(
    ("has_tumor", "share", "word"),
    [([True], 0.5, "without"), ([False], 0.5, "with"), ([True], 0.0, "without"), ([False], 1.0, "with")],
)
def test_a_requested_kind_without_slices_is_refused(has_tumor, share, word):
    with pytest.raises(UserError, match=rf"^params\.yaml: [^\n]* slices {word} tumour; [^\n]+$"):
        Sampler(np.array(has_tumor), 4, 1, share)


@pytest.mark.parametrize(("has_tumor", "share"), [(True, 1.0), (False, 0.0), (True, None), (False, None)])
def test_a_kind_that_is_not_requested_may_be_missing(has_tumor, share):
    assert Sampler(np.array([has_tumor]), 4, 1, share)(3).tolist() == [0] * 4


@st.composite
def cohorts(draw):
    """Labels, patients and tumour areas of slices; every patient has slices of both kinds."""
    sizes = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=6))
    has_tumor = np.concatenate([[False] * negatives + [True] * positives for negatives, positives in sizes])
    patients = np.repeat(np.arange(len(sizes)), [negatives + positives for negatives, positives in sizes])
    area = np.where(has_tumor, np.random.default_rng(draw(seeds)).integers(1, 1000, len(has_tumor)), 0)
    return has_tumor, patients, area


@settings(deadline=None, max_examples=40)
@given(cohorts(), batches, seeds, st.none() | st.sampled_from([0.25, 0.5, 1.0]))
def test_patients_take_turns_whatever_their_number_of_slices(cohort, batch, seed, share):
    has_tumor, patients, area = cohort
    sampler = Sampler(has_tumor, batch, seed, share, patients=patients, area=area)
    count = patients.max() + 1
    numbers = np.concatenate([sampler(step) for step in range(math.ceil(12 * count / batch))])
    for kind in (numbers[has_tumor[numbers]], numbers[~has_tumor[numbers]]) if share else (numbers,):
        turns = patients[kind[: len(kind) // count * count]].reshape(-1, count)
        np.testing.assert_array_equal(np.sort(turns, axis=1), np.tile(np.arange(count), (len(turns), 1)))
    if share:
        assert has_tumor[numbers].mean() == pytest.approx(share, abs=1 / len(numbers))
    np.testing.assert_array_equal(numbers[:batch], sampler(0))


def test_slices_with_more_tumour_come_more_often_but_none_is_left_out():
    has_tumor, patients, area = np.ones(5, bool), np.zeros(5, int), np.array([0, 10, 10, 30, 50])
    sampler = Sampler(has_tumor, 1000, 1, 1.0, patients=patients, area=area)
    shares = np.bincount(sampler(0), minlength=5) / 1000
    np.testing.assert_allclose(shares, 0.1 + area / 200, atol=0.05)


def test_labels_that_are_not_bool_are_refused():
    masks, number = np.zeros((3, 4, 4, 1), np.uint8), np.arange(3)
    with pytest.raises(TypeError, match="has_tumor must be bool, and is int"):
        Slices(masks, masks, number, number, number)
