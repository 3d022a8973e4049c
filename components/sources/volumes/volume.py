"""One volume of an examination, as a reader passes it on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.scans.geometry import Geometry


@dataclass(frozen=True)
class Volume:
    """One sequence, or a mask.

    Attributes:
        data: values, three axes; a fourth holds the channels of a stack that is still to be split.
        geometry: position of the voxels.
        frame: reference frame of positions: the kind of file and its name for it; None if unknown.
        lacks_position: whether the header holds no position, so that `geometry` is a guess.
        qform_geometry: geometry by the qform of a NIfTI header, if there is one beside the sform and it differs.
        header: header of a NIfTI file, as bytes.
    """

    data: np.ndarray
    geometry: Geometry
    frame: tuple[str, str] | None = None
    lacks_position: bool = False
    qform_geometry: Geometry | None = None
    header: bytes | None = None
