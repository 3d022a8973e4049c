"""A mask lies on the slices that it was drawn on, whichever frames its file leaves out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from written_scans import made_up_scan, segmentation, write_series

from components.sources import open_source
from components.sources.reading import Options

SCAN, OPTIONS = made_up_scan("P1"), Options(size=32, spacing=1.0)


def read_with(folder, drawn, *, on="flair", change=lambda data: None):
    """The slices of the mask that is read where these were drawn."""
    mask = np.zeros_like(SCAN.mask)
    mask[list(drawn), 12:20, 12:20] = True
    for channel in ("pre", "flair", "post"):
        slices = write_series(folder / "P1" / channel, SCAN, channel)
        if channel == on:
            outlines = segmentation(SCAN, slices, mask)
    (measures,) = outlines.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    if "SpacingBetweenSlices" in measures:
        del measures.SpacingBetweenSlices
    change(outlines)
    outlines.save_as(folder / "P1" / "seg.dcm")
    with open_source(folder) as source:
        (patient,) = source.patients
        reading = source.read(patient, OPTIONS)
    return reading, mask


@settings(max_examples=12, deadline=None)
@given(drawn=st.sets(st.integers(0, len(SCAN.mask) - 1), min_size=1, max_size=5), on=st.sampled_from(["flair", "pre"]))
def test_frames_that_are_left_out_stay_empty(tmp_path_factory, drawn, on):
    reading, mask = read_with(tmp_path_factory.mktemp("seg"), drawn, on=on)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.mask, mask)


def test_a_series_that_is_not_here_tells_nothing(tmp_path):
    def elsewhere(data):
        data.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"

    reading, mask = read_with(tmp_path, [4, 5], change=elsewhere)
    np.testing.assert_array_equal(reading.scan.mask, mask)
