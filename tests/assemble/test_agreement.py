"""The engines may disagree only where rounding decides."""

from __future__ import annotations

import numpy as np
import pytest

from components.assemble.agreement import TOLERANCE, _within_tolerance
from components.layered.smoothing import smoothed
from components.layered.views import Views

RECORD = {"tumor_threshold": 0.5, "mask_threshold": 0.4}


def undecided(tumor, record):
    """Which slices are undecided if no pixel is."""
    tumor = np.array(tumor, np.float32)
    return _within_tolerance(Views(tumor, np.full((len(tumor), 1, 1), 0.9, np.float32)), record)[:, 0, 0].tolist()


def test_slices_and_pixels_at_a_threshold_are_undecided():
    assert undecided([0.2, 0.5, 0.5 + TOLERANCE / 2, 0.5 - TOLERANCE / 2, 0.501], RECORD) == [
        False,
        True,
        True,
        True,
        False,
    ]
    maps = np.array([0.1, 0.4, 0.4 + TOLERANCE / 2, 0.41], np.float32).reshape(1, 2, 2)
    assert _within_tolerance(Views(np.ones(1), maps), RECORD).ravel().tolist() == [False, True, True, False]


@pytest.mark.parametrize(("distance", "expected"), [(0.0, True), (TOLERANCE / 2, True), (10 * TOLERANCE, False)])
def test_a_slice_is_undecided_if_its_smoothed_value_is_at_the_threshold(distance, expected):
    probabilities = np.array([0.2, 0.8, 0.9, 0.3], np.float32)
    smoothing_rule = {"sigma": 1.0, "temperature": 1.0, "threshold": float(smoothed(probabilities, 1.0)[1]) + distance}
    assert undecided(probabilities, RECORD | {"tumor_smoothing": smoothing_rule}) == [False, expected, False, False]
