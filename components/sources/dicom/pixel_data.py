"""Pixels of DICOM files as volumes, axes (slices, rows, columns); unusable files raise `RefusedError`."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.pixels import get_decoder
from pydicom.uid import JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

from components.scans.geometry import Geometry, is_usable
from components.sources.dicom.cached_highdicom import highdicom
from components.sources.dicom.datasets import read_file
from components.sources.dicom.exact_positions import normalise_geometry
from components.sources.dicom.padding import remove_padding
from components.sources.dicom.positions import EVEN, check_positions, frames_of
from components.sources.dicom.refused import RefusedError
from components.sources.dicom.series import Series
from components.sources.reading import MAX_VOXELS
from components.sources.volumes.volume import Volume

# In DICOM +x points to the patient's left and +y to the back, in NIfTI to the right and to the front.
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def stack_series(series: Series) -> Volume:
    """Stack the slices of a series by their positions, axes (slices, rows, columns).

    Raises:
        RefusedError: the slices are not an even stack of one size and orientation, or their pixels can't be decoded
            here.
    """
    hd = highdicom()
    first = series.headers[0]
    _check_size(series)
    with np.errstate(over="ignore", invalid="ignore"):  # from absurd rescales; `placed` detects the result
        check_positions(series.headers if len(series.paths) > 1 else frames_of(first))
        slices = [read_file(path) for path in series.paths]
        for one in slices:
            _check_pixels(one)
            remove_padding(one)
        normalise_geometry(slices)
        if len(slices) == 1:
            stack = hd.Image.from_dataset(slices[0], copy=False).get_volume(dtype=np.float32, rtol=EVEN)
        else:
            stack = hd.get_volume_from_series(slices, dtype=np.float32, rtol=EVEN)
    volume = placed(stack.array, stack.affine, first.get("FrameOfReferenceUID"))
    # Eight-bit values are 0..255 already and stay so, unless a rescale changed them.
    eight = int(first.get("BitsStored") or 16) == 8 and bool((volume.data == volume.data.astype(np.uint8)).all())
    return Volume(volume.data.astype(np.uint8), volume.geometry, volume.frame) if eight else volume


def _check_size(series: Series) -> None:
    first = series.headers[0]
    frames = max(len(series.paths), int(first.get("NumberOfFrames") or 1))
    if frames < 2:
        what = "a single slice is not a complete series"
        raise RefusedError("series", what, "give the folder that holds all slices of the examination")
    if any(not header.get(name) for header in series.headers for name in ("Rows", "Columns")):
        what = "slices without Rows and Columns"
        raise RefusedError("unreadable", what, "export the images with Rows (0028,0010) and Columns (0028,0011)")
    if len({(header.get("Rows"), header.get("Columns")) for header in series.headers}) > 1:
        what = "slices of different sizes"
        raise RefusedError("shape", what, "take the images of another series (localizer, screenshot) out of this one")
    if int(first.Rows) * int(first.Columns) * frames > MAX_VOXELS:
        what = "its headers claim more voxels than any scan has"
        raise RefusedError("unreadable", what, "export the series again; Rows, Columns or NumberOfFrames are wrong")


def _check_pixels(dataset: Any) -> None:
    if "PixelData" not in dataset:
        raise RefusedError("unreadable", "slices without pixel data", "export the images, and not their headers alone")
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        what = "colour images where MR intensities are expected"
        raise RefusedError("type", what, "export the MR images themselves, no colour maps or screenshots")
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if not syntax:
        what = "compressed pixels, and no TransferSyntaxUID that says how"
        raise RefusedError("type", what, "export the images again as DICOM files (part 10), uncompressed")
    if not _is_decodable(syntax, int(dataset.get("BitsStored") or 16)):
        what = f"compressed as {syntax.name} ({syntax}), which no decoder here reads"
        known = syntax in (JPEGLossless, JPEGLosslessSV1, JPEGExtended12Bit)  # by tools that most archives have
        remedy = (
            "decompress each file: `gdcmconv --raw IN OUT` or `dcmdjpeg IN OUT`" if known else "export uncompressed"
        )
        raise RefusedError("type", what, remedy)


def _is_decodable(syntax: Any, bits: int) -> bool:
    if syntax == JPEGExtended12Bit and bits > 8:  # the decoder here that claims this syntax knows eight bits alone
        return False
    try:
        return not syntax.is_compressed or get_decoder(syntax).is_available
    except (NotImplementedError, ValueError):  # video, private syntaxes
        return False


def placed(pixels: np.ndarray, affine: np.ndarray, frame: Any) -> Volume:
    """A stack as a volume; raises RefusedError if its values or its place are unusable."""
    if not np.isfinite(pixels).all():
        what = "pixels that are NaN or infinite after their rescale"
        raise RefusedError("not_finite", what, "export the series again; RescaleSlope or RescaleIntercept are wrong")
    if not is_usable(TO_RAS @ affine):
        what = "its headers give no usable orientation and spacing"
        raise RefusedError("unreadable", what, "export the series again, with its orientation and PixelSpacing")
    return Volume(pixels, Geometry(pixels.shape, TO_RAS @ affine), ("dicom", str(frame)) if frame else None)
