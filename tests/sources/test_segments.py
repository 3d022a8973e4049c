"""DICOM SEG files with several segments: anatomy is not taken for tumour."""

from __future__ import annotations

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from scan_writers import make_scan, segmentation, write_series

from components.sources import open_source
from components.sources.reading import Options

SCAN, OPTIONS = make_scan("P1"), Options(size=32, spacing=1.0)
TUMOUR = ("tumour", "49755003", "Neoplasm")


def read_with(folder, *segments):
    """Write and read a mask with segments given as (label, category code, type meaning)."""
    masks = np.zeros((*SCAN.mask.shape, len(segments)), bool)
    for at in range(len(segments)):
        masks[2, 4 + 4 * at : 8 + 4 * at, 8:16, at] = True
    for channel in ("pre", "flair", "post"):
        slices = write_series(folder / "P1" / channel, SCAN, channel)
        if channel == "flair":
            outlines = segmentation(SCAN, slices, masks)
    for one, (label, category, kind) in zip(outlines.SegmentSequence, segments, strict=True):
        one.SegmentLabel = label
        one.SegmentedPropertyCategoryCodeSequence[0].CodeValue = category
        one.SegmentedPropertyTypeCodeSequence[0].CodeMeaning = kind
    outlines.save_as(folder / "P1" / "seg.dcm")
    with open_source(folder) as source:
        (patient,) = source.patients
        return source.read(patient, OPTIONS), masks


@pytest.mark.parametrize(
    "anatomy",
    [
        ("Segment_2", "123037004", "Brain stem"),
        ("Segment_2", "91723000", "Cerebellum"),
        ("brainstem", "85756007", "Tissue"),
        ("resection cavity", "49755003", "Cavity"),
    ],
    ids=lambda segment: segment[0],
)
def test_anatomy_beside_the_tumour_is_skipped_and_reported(tmp_path, anatomy):
    reading, masks = read_with(tmp_path, TUMOUR, anatomy)
    np.testing.assert_array_equal(reading.scan.mask, masks[..., 0])
    (problem,) = reading.problems
    assert (problem.kind, problem.what) == (
        "unknown",
        "1 of its 2 segments are ignored: by their headers, they are no tumour",
    )


@pytest.mark.parametrize(
    "segments",
    [
        (TUMOUR, ("edema", "49755003", "Edema")),
        (("Segment_1", "85756007", "Tissue"), ("Segment_2", "85756007", "Tissue")),
        (("brain tumor", "123037004", "Brain"), ("Segment_2", "49755003", "Necrosis")),
    ],
    ids=["parts of a tumour", "unnamed, as 3D Slicer writes them", "called a tumour, coded as the brain"],
)
def test_all_other_segments_are_merged_into_one_mask(tmp_path, segments):
    reading, masks = read_with(tmp_path, *segments)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.mask, masks.any(axis=-1))


def test_anatomy_alone_is_not_a_mask(tmp_path):
    reading, _ = read_with(tmp_path, ("brainstem", "123037004", "Brain stem"))
    assert [problem.kind for problem in reading.problems] == ["mask_values"]


def test_a_file_that_outlines_anatomy_yields_to_the_tumours(tmp_path):
    before, masks = read_with(tmp_path, TUMOUR)
    brain = dcmread(tmp_path / "P1" / "seg.dcm")
    brain.SOPInstanceUID = brain.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    brain.SegmentSequence[0].SegmentLabel = "cerebrum"
    brain.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning = "Cerebrum"
    brain.save_as(tmp_path / "P1" / "brain.dcm")
    with open_source(tmp_path) as source:
        reading = source.read("P1", OPTIONS)
    assert reading.problems == before.problems == []
    np.testing.assert_array_equal(reading.scan.mask, masks[..., 0])


def test_contours_are_reported_as_unread(tmp_path):
    for channel in ("pre", "flair", "post"):
        (image, *_) = write_series(tmp_path / "P1" / channel, SCAN, channel)
    image.Modality, image.SOPInstanceUID = "RTSTRUCT", "1.2.3"
    del image.PixelData
    image.save_as(tmp_path / "P1" / "contours.dcm")
    with open_source(tmp_path) as source:
        (problem,) = source.read("P1", OPTIONS).problems
    assert (problem.kind, "RTSTRUCT) are not read" in problem.what) == ("missing_mask", True)


@pytest.mark.parametrize(("tumour", "refused"), [(1.0, False), (0.6, True)])
def test_fractions_are_not_a_mask(tmp_path, tumour, refused):
    for channel in ("pre", "flair", "post"):
        slices = write_series(tmp_path / "P1" / channel, SCAN, channel)
        if channel == "flair":
            outlines = segmentation(SCAN, slices, tumour * SCAN.mask, hd.seg.SegmentationTypeValues.FRACTIONAL)
    outlines.save_as(tmp_path / "P1" / "seg.dcm")
    with open_source(tmp_path) as source:
        problems = source.read("P1", OPTIONS).problems
    assert [problem.kind for problem in problems] == ["mask_values"] * refused
    assert all("fractions or probabilities" in problem.what for problem in problems)
