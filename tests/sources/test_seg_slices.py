"""A DICOM SEG mask stays on the slices it was drawn on, whichever frames its file omits."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_writers import make_scan, segmentation, write_series

from components.sources import open_source
from components.sources.reading import Options

SCAN, OPTIONS = make_scan("P1"), Options(size=32, spacing=1.0)


def read_with(folder, marked, *, on="flair", change=lambda data: None):
    """Write and read a mask with these slices marked; return the reading and the mask."""
    mask = np.zeros_like(SCAN.mask)
    mask[list(marked), 12:20, 12:20] = True
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
@given(marked=st.sets(st.integers(0, len(SCAN.mask) - 1), min_size=1, max_size=5), on=st.sampled_from(["flair", "pre"]))
def test_omitted_frames_stay_empty(tmp_path_factory, marked, on):
    reading, mask = read_with(tmp_path_factory.mktemp("seg"), marked, on=on)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.mask, mask)


def test_a_reference_to_an_absent_series_is_ignored(tmp_path):
    def elsewhere(data):
        data.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"

    reading, mask = read_with(tmp_path, [4, 5], change=elsewhere)
    np.testing.assert_array_equal(reading.scan.mask, mask)
