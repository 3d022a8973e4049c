"""A mask from DICOM SEG, on the slices it was drawn on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.sources.dicom.cached_highdicom import highdicom
from components.sources.dicom.datasets import read_file
from components.sources.dicom.exact_positions import normalise_geometry
from components.sources.dicom.pixel_data import placed
from components.sources.dicom.positions import EVEN, NEEDED, frames_of
from components.sources.dicom.refused import RefusedError
from components.sources.dicom.segments import tumour_segments
from components.sources.dicom.series import Series
from components.sources.volumes.volume import Volume


def read_segmentation(
    path: Path, distances: Mapping[str, float] | None = None, note: Callable[[str], None] = lambda what: None
) -> Volume:
    """The segments of a DICOM SEG as one mask, without those of anatomy if others are there.

    Frames without tumour are usually left out. If the file doesn't give the slice distance, it is therefore taken from
    the images it was drawn on; otherwise two distant lesions would pass for neighbouring slices with a wide spacing.

    Args:
        path: file.
        distances: SeriesInstanceUID to the distance of its slices, millimetres, for the series of the patient.
        note: function that records which segments were ignored.

    Raises:
        RefusedError: it outlines anatomy alone, or its pixels can't be used.
    """
    hd = highdicom()
    data = read_file(path)
    frame = data.get("FrameOfReferenceUID")
    normalise_geometry([data])
    drawn_on = [str(one.get("SeriesInstanceUID")) for one in data.get("ReferencedSeriesSequence") or []]
    known = [distances[series] for series in drawn_on if distances and series in distances]
    for measures in _pixel_measures(data):
        if known and not measures.get("SpacingBetweenSlices"):
            measures.SpacingBetweenSlices = known[0]
    outlines = hd.seg.Segmentation.from_dataset(data, copy=False)
    numbers = tumour_segments(data, note)
    _check_whole(data)
    stack = outlines.get_volume(segment_numbers=numbers, combine_segments=True, skip_overlap_checks=True, rtol=EVEN)
    return placed(stack.array, stack.affine, frame)


def _check_whole(data: Any) -> None:
    """Refuse fractions other than 0 and 1: nobody has said from which on they are tumour."""
    if data.get("SegmentationType") != "FRACTIONAL":
        return
    whole = int(data.get("MaximumFractionalValue") or 255)
    if not np.isin(data.pixel_array, (0, whole)).all():
        what = "holds fractions or probabilities (SegmentationType FRACTIONAL), not a mask"
        raise RefusedError("mask_values", what, "apply a threshold, and save it as a BINARY segmentation")


def slice_distances(series: Sequence[Series]) -> dict[str, float]:
    """SeriesInstanceUID to the distance of its slices, millimetres, for those whose headers give positions."""
    found: dict[str, float] = {}
    for one in series:
        try:
            slices = one.headers if len(one.headers) > 1 else frames_of(one.headers[0])
        except RefusedError:
            continue
        if len(slices) > 1 and all(len(place.get(name) or []) == NEEDED[name] for place in slices for name in NEEDED):
            orientation = np.array(slices[0].ImageOrientationPatient, float)
            positions = np.array([place.ImagePositionPatient for place in slices], float)
            steps = np.diff(np.sort(positions @ np.cross(orientation[:3], orientation[3:])))
            found |= {str(header.get("SeriesInstanceUID")): float(np.median(steps)) for header in one.headers}
    return found


def _pixel_measures(data: Any) -> list[Any]:
    names = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
    groups = [group for name in names for group in data.get(name) or []]
    return [measures for group in groups for measures in group.get("PixelMeasuresSequence") or []]
