"""Pixels of DICOM files as volumes, axes (slices, rows, columns); what can't be used raises `RefusedError`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from pydicom import dcmread
from pydicom.pixels import get_decoder

from components.scans.geometry import Geometry, is_usable
from components.sources.dicom.series import Series
from components.sources.reading import MAX_VOXELS
from components.sources.volumes import Volume

# DICOM's +x is towards the patient's left and +y towards the back, NIfTI's to the right and to the front.
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
EVEN = 0.05  # share of the slice distance by which distances may differ: tables don't stop to the micrometre
PLACE = {"ImageOrientationPatient": 6, "ImagePositionPatient": 3}


class RefusedError(Exception):
    """A series that can't be used: kind of problem, and why."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind, self.what = kind, what


def stack_series(series: Series) -> Volume:
    """Stack the slices of a series by their positions, axes (slices, rows, columns).

    Raises:
        RefusedError: they are no even stack of one size and orientation, or have no pixels that can be decoded here.
    """
    first = series.headers[0]
    frames = max(len(series.paths), int(first.get("NumberOfFrames") or 1))
    if frames < 2:
        raise RefusedError("series", "a single slice is no examination")
    if len({(header.get("Rows"), header.get("Columns")) for header in series.headers}) > 1:
        raise RefusedError("shape", "slices of different sizes")
    if int(first.get("Rows") or 0) * int(first.get("Columns") or 0) * frames > MAX_VOXELS:
        raise RefusedError("unreadable", "its headers claim more voxels than any scan has")
    with np.errstate(over="ignore", invalid="ignore"):  # of absurd rescales; `_placed` finds what comes of them
        if len(series.paths) == 1:
            image = hd.imread(series.paths[0])
            _check_pixels(image)
            stack = image.get_volume(dtype=np.float32, rtol=EVEN)
        else:
            _check_positions(series)
            slices = [dcmread(path) for path in series.paths]
            for one in slices:
                _check_pixels(one)
            stack = hd.get_volume_from_series(slices, dtype=np.float32, rtol=EVEN, orientation_tol=1e-3)
    volume = _placed(stack.array, stack.affine, first.get("FrameOfReferenceUID"))
    # Eight bits are 0..255 already and stay so, unless a rescale made something else of them.
    eight = int(first.get("BitsStored") or 16) == 8 and bool((volume.data == volume.data.astype(np.uint8)).all())
    return Volume(volume.data.astype(np.uint8), volume.geometry, volume.frame) if eight else volume


def _check_positions(series: Series) -> None:
    """Refuse slices without positions, of several orientations, at one position, or with a hole between them."""
    if any(len(header.get(name) or []) != n for header in series.headers for name, n in PLACE.items()):
        raise RefusedError("series", "slices without a position in the patient (ImagePositionPatient)")
    turns = np.array([header.ImageOrientationPatient for header in series.headers], float)
    if np.abs(turns - turns[0]).max() > 1e-3:
        raise RefusedError("series", "slices of different orientations")
    positions = np.array([header.ImagePositionPatient for header in series.headers], float)
    steps = np.diff(np.sort(positions @ np.cross(turns[0, :3], turns[0, 3:])))
    doubles = int((steps < 1e-3).sum())
    if doubles:
        raise RefusedError("series", f"{doubles} pairs of slices at one position, as of two acquisitions")
    if (np.abs(steps - np.median(steps)) > EVEN * np.median(steps)).any():
        raise RefusedError("gap", f"slices are {steps.min():.1f} to {steps.max():.1f} mm apart, one is missing between")


def _check_pixels(dataset: Any) -> None:
    if "PixelData" not in dataset:
        raise RefusedError("unreadable", "slices without pixel data")
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise RefusedError("type", "colour pictures where MR intensities are expected")
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_compressed and not get_decoder(syntax).is_available:
        raise RefusedError(
            "type", f"compressed as {syntax.name}, which no decoder here reads; decompress with gdcmconv --raw"
        )


def _placed(pixels: np.ndarray, affine: np.ndarray, frame: Any) -> Volume:
    if not np.isfinite(pixels).all():
        raise RefusedError("not_finite", "pixels that are NaN or infinite after their rescale")
    if not is_usable(TO_RAS @ affine):
        raise RefusedError("unreadable", "its headers give no usable orientation and spacing")
    return Volume(pixels, Geometry(pixels.shape, TO_RAS @ affine), ("dicom", str(frame)) if frame else None)


def read_segmentation(path: Path) -> Volume:
    """All segments of a DICOM SEG as one mask."""
    outlines = hd.seg.segread(path)
    stack = outlines.get_volume(combine_segments=True, skip_overlap_checks=True, rtol=EVEN)
    return _placed(stack.array, stack.affine, outlines.get("FrameOfReferenceUID"))
