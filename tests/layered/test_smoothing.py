"""Smoothing of stage 1 along a scan: a slice is judged together with its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit

from components.layered.decision import decide, uncalibrated, unprocessed
from components.layered.record import stage1_threshold
from components.layered.smoothing import SIGMAS, smoothed, stage1
from components.layered.views import Views

RULE = {"sigma": 1.0, "temperature": 1.0, "threshold": 0.5}
RECORD = {"tumor_threshold": 0.5, "mask_threshold": 0.5, "processing": {}, "tumor_smoothing": RULE}
UNSMOOTHED = {name: value for name, value in RECORD.items() if name != "tumor_smoothing"}
SPACING = (1.0, 1.0, 1.0)

slice_probabilities = st.integers(1, 30).flatmap(lambda n: arrays(np.float32, n, elements=st.floats(0, 1, width=32)))
positive_sigmas = st.sampled_from(SIGMAS[1:])


def test_logits_are_averaged_with_gaussian_weights():
    probabilities = np.full(21, 0.2, np.float32)
    probabilities[10] = 0.85
    weights = np.exp(-0.5 * np.arange(-4, 5) ** 2)
    expected = expit(logit(0.2) + (logit(0.85) - logit(0.2)) * weights / weights.sum())
    found = smoothed(probabilities, 1.0)
    assert found[6:15] == pytest.approx(expected, abs=1e-6)
    assert found.dtype == np.float32
    assert found[10] < 0.5 < probabilities[10]  # a lone positive slice does not pass


def test_a_lone_negative_slice_inside_a_tumour_passes():
    probabilities = np.full(9, 0.95, np.float32)
    probabilities[4] = 0.3
    found = decide(Views(probabilities, np.full((9, 2, 2), 0.9, np.float32)), SPACING, RECORD)
    assert found.has_tumor.all()
    assert found.mask.all()
    assert found.tumor_probability[4] > 0.5
    alone = decide(Views(probabilities, np.full((9, 2, 2), 0.9, np.float32)), SPACING, UNSMOOTHED)
    assert alone.has_tumor.sum() == 8
    assert np.array_equal(alone.tumor_probability, probabilities)


@given(slice_probabilities, positive_sigmas)
def test_smoothed_values_stay_within_the_range_of_the_input(probabilities, sigma):
    inside = np.clip(probabilities, 0.001, 0.999)
    found = smoothed(probabilities, sigma)
    assert found.shape == probabilities.shape
    assert (found >= inside.min() - 1e-6).all()
    assert (found <= inside.max() + 1e-6).all()


def test_certain_slices_are_clipped_to_one_in_a_thousand():
    ends = np.array([0, 0, 0, 1, 1, 1], np.float32)
    assert smoothed(ends, 0.5) == pytest.approx(smoothed(np.clip(ends, 0.001, 0.999), 0.5), abs=1e-6)
    assert 0.001 <= smoothed(ends, 0.5).min() < smoothed(ends, 0.5).max() <= 0.999 + 1e-6


def test_sigmas_are_zero_and_multiples_of_half_a_slice():
    assert SIGMAS[0] == 0
    assert np.diff(SIGMAS) == pytest.approx([0.5, 0.5, 0.5])


@given(slice_probabilities, positive_sigmas, st.floats(0, 0.2))
def test_higher_probabilities_never_pass_fewer_slices(probabilities, sigma, rise):
    record = RECORD | {"tumor_smoothing": RULE | {"sigma": sigma}}
    less, more = (stage1(one, record)[1] for one in (probabilities, probabilities + np.float32(rise)))
    assert (more >= less).all()


@given(slice_probabilities)
def test_reversing_a_scan_reverses_the_smoothed_values(probabilities):
    assert smoothed(probabilities[::-1], 1.0) == pytest.approx(smoothed(probabilities, 1.0)[::-1], abs=1e-6)


def test_rounding_of_a_certain_slice_does_not_affect_its_neighbours():
    sure = np.array([0.5, np.nextafter(np.float32(1), np.float32(0)), 0.5], np.float32)
    surer = np.array([0.5, 1.0, 0.5], np.float32)
    assert np.array_equal(smoothed(sure, 1.0), smoothed(surer, 1.0))


def test_without_smoothing_each_slice_is_judged_alone():
    probabilities = np.array([0.2, 0.9, 0.2], np.float32)
    assert smoothed(probabilities, 0.0) is probabilities
    alone = {"tumor_threshold": 0.4}
    probability, passes = stage1(probabilities, alone)
    assert probability is probabilities
    assert passes.tolist() == [False, True, False]
    assert stage1(np.float32([0.4]), {"tumor_threshold": np.float32(0.4)})[1].all()  # at the threshold, it passes
    assert (stage1_threshold(alone), stage1_threshold(RECORD | {"tumor_threshold": 0.1})) == (0.4, 0.5)


@given(
    arrays(np.float64, 12, elements=st.floats(0.05, 0.95)),
    st.floats(0.5, 2.0),
    st.floats(0.5, 2.0),
    st.floats(0.2, 0.8),
)
def test_uncalibrated_choices_give_equal_decisions_on_raw_probabilities(
    probabilities, tumor, smoothing_temperature, threshold
):
    record = RECORD | {"tumor_temperature": tumor, "mask_temperature": 1.0}
    record |= {"tumor_smoothing": {"sigma": 0.5, "temperature": smoothing_temperature, "threshold": threshold}}
    maps = np.full((12, 1, 1), 0.9)
    expected = decide(Views(expit(logit(probabilities) / tumor), maps), SPACING, record)
    sure = np.abs(expected.tumor_probability - threshold) > 1e-5
    found = unprocessed(Views(probabilities, maps), uncalibrated(record))
    assert np.array_equal(found[sure, 0, 0], expected.has_tumor[sure])
