"""Stage 1's threshold: the highest that finds the share of tumour slices that it has to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.assemble.choices import ROUNDING, tumor_threshold


@given(
    arrays(np.float32, 40, elements=st.floats(0, 1, width=32)),
    st.integers(1, 40),
    st.floats(0.01, 0.99),
)
def test_the_threshold_keeps_the_sensitivity_and_no_higher_one_would(probabilities, positives, sensitivity):
    labels = np.arange(40) < positives
    threshold = tumor_threshold(labels, probabilities, sensitivity)
    found = probabilities[labels].astype(float)
    assert (found >= threshold).mean() >= sensitivity - 1e-9
    assert (found > found[found >= threshold].min() + ROUNDING).mean() < sensitivity + 1e-9


def test_the_threshold_by_hand():
    labels = np.array([1, 1, 1, 1, 0, 0], bool)
    probabilities = np.array([0.9, 0.8, 0.7, 0.2, 0.3, 0.6], np.float32)
    assert tumor_threshold(labels, probabilities, 0.75) == pytest.approx(0.65)
    assert tumor_threshold(labels, probabilities, 0.99) == pytest.approx(0.1)


def test_the_threshold_does_not_part_what_only_rounding_does():
    probabilities = np.array([0.9, 0.3, np.nextafter(np.float32(0.3), np.float32(0)), 0.1], np.float32)
    assert tumor_threshold(np.ones(4, bool), probabilities, 0.5) == pytest.approx(0.2)
