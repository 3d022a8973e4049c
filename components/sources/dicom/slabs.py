"""Series that show only a part of the head, such as thin slices through the orbits: not the best of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset

from components.sources.dicom.positions import NEEDED, frames_of
from components.sources.dicom.refused import RefusedError

# A series is a slab if it covers less than this fraction of the one that covers most: in its own plane, or in any.
IN_PLANE, IN_ANY = 0.6, 0.5


def are_slabs(series: Sequence[tuple[Sequence[Dataset], bool]]) -> list[bool]:
    """Which series are slabs, compared with the others.

    Args:
        series: the headers of each, and whether it is axial.
    """
    covered = [(_covered(headers), axial) for headers, axial in series]
    most = max((length for length, _ in covered), default=0.0)
    largest = {plane: max((length for length, one in covered if one == plane), default=0.0) for plane in (True, False)}
    return [0 < length < max(IN_PLANE * largest[axial], IN_ANY * most) and length < most for length, axial in covered]


def _covered(headers: Sequence[Dataset]) -> float:
    """Length that a series' slices cover across their plane, millimetres; 0 if its headers don't say."""
    try:
        slices = headers if len(headers) > 1 else frames_of(headers[0])
    except RefusedError:
        return 0.0
    if len(slices) < 2 or any(len(one.get(name) or []) != NEEDED[name] for one in slices for name in NEEDED):
        return 0.0
    across = np.cross(*np.array(slices[0].ImageOrientationPatient, float).reshape(2, 3))
    depths = np.unique(np.round(np.array([one.ImagePositionPatient for one in slices], float) @ across, 2))
    return float(np.ptp(depths) * len(depths) / max(1, len(depths) - 1))
