"""One volume of an examination, as a reader passes it on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.scans.geometry import Geometry


@dataclass(frozen=True)
class Volume:
    """One sequence, or a mask.

    Attributes:
        data: values, three axes.
        geometry: position of the voxels.
        frame: reference frame of positions: the kind of file and its name for it; None if unknown.
        unset: whether the header lacks a position, so that `geometry` is a guess.
        second: geometry from a second form in the header, if that differs.
        header: header of a NIfTI file, as bytes.
    """

    data: np.ndarray
    geometry: Geometry
    frame: tuple[str, str] | None = None
    unset: bool = False
    second: Geometry | None = None
    header: bytes | None = None
