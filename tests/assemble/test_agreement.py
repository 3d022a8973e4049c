"""Where rounding decides, the engines may differ; nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from components.assemble.agreement import CLOSE, _undecided
from components.layered.smoothing import smoothed
from components.layered.views import Views

RECORD = {"tumor_threshold": 0.5, "mask_threshold": 0.4}


def undecided(tumor, record):
    """Which slices are undecided, if no pixel is."""
    tumor = np.array(tumor, np.float32)
    return _undecided(Views(tumor, np.full((len(tumor), 1, 1), 0.9, np.float32)), record)[:, 0, 0].tolist()


def test_slices_and_pixels_at_a_threshold_are_undecided():
    assert undecided([0.2, 0.5, 0.5 + CLOSE / 2, 0.5 - CLOSE / 2, 0.501], RECORD) == [False, True, True, True, False]
    maps = np.array([0.1, 0.4, 0.4 + CLOSE / 2, 0.41], np.float32).reshape(1, 2, 2)
    assert _undecided(Views(np.ones(1), maps), RECORD).ravel().tolist() == [False, True, True, False]


@pytest.mark.parametrize(("apart", "expected"), [(0.0, True), (CLOSE / 2, True), (10 * CLOSE, False)])
def test_a_smoothed_slice_is_undecided_if_its_neighbours_rounding_decides(apart, expected):
    said = np.array([0.2, 0.8, 0.9, 0.3], np.float32)
    along = {"sigma": 1.0, "temperature": 1.0, "threshold": float(smoothed(said, 1.0)[1]) + apart}
    assert undecided(said, RECORD | {"tumor_smoothing": along}) == [False, expected, False, False]
