"""The unit of lengths in a NIfTI header (xyzt_units): millimetres, unless it says metres or microns."""

from __future__ import annotations

from typing import Any

import numpy as np
from nibabel.affines import voxel_sizes

from components.sources.reading import Reading

_MILLIMETRES = {"meter": 1000.0, "micron": 0.001}
_NAMES = {"meter": "metres", "micron": "microns"}
HEAD = 30, 1000  # millimetres; the longest side of a scan of a head is between these
REMEDY = "write its sizes in millimetres, and say so in xyzt_units"


def to_millimetres(picture: Any, where: str, reading: Reading) -> np.ndarray:
    """Return the affine in millimetres, and convert the header in memory likewise.

    Args:
        picture: loaded file.
        where: name of the file in problems.
        reading: reading that records problems: of kind "choice" (it says another unit).
    """
    affine = np.asarray(picture.affine, np.float64)
    unit = _unit(picture.header)
    if unit not in _MILLIMETRES:
        return affine
    axes = min(3, len(picture.shape))
    factor, longest = _MILLIMETRES[unit], float((voxel_sizes(affine)[:axes] * picture.shape[:axes]).max())
    if not HEAD[0] <= factor * longest <= HEAD[1] and HEAD[0] <= longest <= HEAD[1]:
        what = f"its header says that lengths are in {_NAMES[unit]}, but for a head they can only be millimetres"
        reading.add("choice", where, what, REMEDY)
        return affine
    reading.add("choice", where, f"its header gives lengths in {_NAMES[unit]}; converted to millimetres", REMEDY)
    for name in ("srow_x", "srow_y", "srow_z", "qoffset_x", "qoffset_y", "qoffset_z"):
        picture.header[name] = picture.header[name] * factor
    picture.header["pixdim"][1:4] *= factor
    return np.diag([factor, factor, factor, 1.0]) @ affine


def _unit(header: Any) -> str:
    try:
        return str(header.get_xyzt_units()[0])
    except (AttributeError, KeyError):  # a format without units; a code that NIfTI doesn't define
        return ""
