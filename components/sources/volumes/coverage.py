"""Which slices of FLAIR another sequence covers: a copy that broke off leaves the rest of them black."""

from __future__ import annotations

import numpy as np

from components.scans.geometry import Geometry, within
from components.sources.reading import Reading

STEPS = 9  # points along each axis of a slice
HALF = 0.5  # fraction of a slice below which it counts as not covered
ROUNDING = 1e-3  # of headers, in voxels
FEW = 0.1  # fraction of uncovered slices, usually at the ends, that is not worth reporting


def fill(name: str, image: np.ndarray, flair: np.ndarray, covered: np.ndarray, where: str, reading: Reading) -> None:
    """Put FLAIR on the slices that a sequence does not cover; records how many, unless they are `FEW`.

    Args:
        name: name of the sequence.
        image: the sequence on FLAIR's slices, uint8 [slices, height, width]; changed in place.
        flair: FLAIR, of the same shape.
        covered: result of `covered_slices`.
        where: name of the patient.
        reading: reading that records problems.
    """
    image[~covered] = flair[~covered]
    if (~covered).mean() <= FEW:
        return
    what = f"{name} covers {int(covered.sum())} of FLAIR's {len(covered)} slices; FLAIR stands in for it on the others"
    reading.add("gap", where, what, f"add the missing slices of {name} if it was acquired on them")


def covered_slices(volume: Geometry, flair: Geometry, grid: Geometry) -> np.ndarray:
    """Which slices of the grid lie in a volume by at least `HALF` of the part that FLAIR shows: bool [slices]."""
    columns, rows = (np.linspace(0, size - 1, STEPS) for size in grid.shape[:2])
    slices, columns, rows = np.meshgrid(np.arange(grid.shape[2]), columns, rows, indexing="ij")
    points = np.stack([columns, rows, slices], axis=-1)
    shown, inside = (within(points, grid, geometry, slack=ROUNDING) for geometry in (flair, volume))
    return (shown & inside).sum(axis=(1, 2)) >= HALF * shown.sum(axis=(1, 2))
