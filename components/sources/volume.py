"""One volume of an examination, as a reader hands it on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.scans.geometry import Geometry


@dataclass(frozen=True)
class Volume:
    """One sequence, or a mask.

    Attributes:
        data: numbers, three axes.
        geometry: where they lie.
        frame: what positions are relative to: the kind of file and its name for it; None if nothing is known.
        unset: the header holds no position, and `geometry` is a guess.
        second: where a second form of its header puts it, if that is elsewhere.
        header: of a NIfTI file, as bytes.
    """

    data: np.ndarray
    geometry: Geometry
    frame: tuple[str, str] | None = None
    unset: bool = False
    second: Geometry | None = None
    header: bytes | None = None
