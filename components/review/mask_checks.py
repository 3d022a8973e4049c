"""A mask that the page sends: checked from its first byte on, before anything of its claimed size is allocated."""

from __future__ import annotations

import zlib

import nibabel as nib
import numpy as np

from components.review.review_errors import ReviewError
from components.scans.geometry import Geometry
from components.sources.reading import DAMAGE

HEADER = 348
SLACK = 64 * 1024  # of header extensions
CLOSE = 1e-3  # millimetres
REFUSED = 422


def largest(geometry: Geometry) -> int:
    """Bytes of the largest file that can hold a mask of this geometry: 64-bit numbers."""
    return HEADER + SLACK + 8 * int(np.prod(geometry.shape, dtype=np.int64))


def read_sent_mask(body: bytes | bytearray, geometry: Geometry) -> np.ndarray:
    """Read a NIfTI-1 file, gzipped or not, as a mask of a scan's own voxels.

    Returns:
        bool, in the axes of `geometry`.

    Raises:
        ReviewError: it is not a NIfTI file, has another shape or position, or holds values other than 0 and 1.
    """
    data = _inflated(body, largest(geometry)) if body[:2] == b"\x1f\x8b" else bytes(body)
    if len(data) > largest(geometry):
        raise ReviewError(REFUSED, "the mask is larger than its scan allows; nothing was saved")
    try:
        header = nib.Nifti1Header(data[:HEADER], check=False)
        if bytes(header["magic"].item()) != b"n+1" or int(header["sizeof_hdr"]) != HEADER:
            raise ReviewError(REFUSED, "not a NIfTI file; nothing was saved")
        _check_position(header, geometry)
        voxels = _voxels(header, data, geometry)
    except DAMAGE as error:
        raise ReviewError(REFUSED, "not a readable NIfTI file; nothing was saved") from error
    if not np.isin(voxels, (0, 1)).all():  # NaN is neither
        raise ReviewError(REFUSED, "the mask holds values other than 0 and 1; nothing was saved")
    return voxels == 1


def _inflated(body: bytes | bytearray, limit: int) -> bytes:
    """Decompress up to `limit` bytes; a small file can't become a huge one."""
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(bytes(body), limit + 1)
    except zlib.error as error:
        raise ReviewError(REFUSED, "the mask's compression is damaged; nothing was saved") from error
    if len(data) <= limit and not stream.eof:
        raise ReviewError(REFUSED, "the mask ends early; nothing was saved")
    return data


def _check_position(header: nib.Nifti1Header, geometry: Geometry) -> None:
    shape = [int(size) for size in header["dim"][1 : 1 + max(0, min(7, int(header["dim"][0])))]]
    if shape[:3] != list(geometry.shape) or any(size != 1 for size in shape[3:]):
        raise ReviewError(REFUSED, "the mask has another shape than its scan; nothing was saved")
    affine = header.get_best_affine()
    if not np.isfinite(affine).all() or not np.allclose(affine, geometry.affine, atol=CLOSE):
        raise ReviewError(REFUSED, "the mask lies elsewhere than its scan; nothing was saved")


def _voxels(header: nib.Nifti1Header, data: bytes, geometry: Geometry) -> np.ndarray:
    kind, start = header.get_data_dtype(), float(header["vox_offset"])
    if kind.kind not in "uif":
        raise ReviewError(REFUSED, "the mask's voxels are not numbers; nothing was saved")
    if tuple(header.get_slope_inter()) not in ((None, None), (1.0, 0.0)):
        raise ReviewError(REFUSED, "the mask's values are scaled; nothing was saved")
    count = int(np.prod(geometry.shape, dtype=np.int64))
    if not HEADER <= start <= HEADER + SLACK or int(start) + count * kind.itemsize > len(data):
        raise ReviewError(REFUSED, "the mask ends early; nothing was saved")
    return np.frombuffer(data, kind, count, int(start)).reshape(geometry.shape, order="F")
