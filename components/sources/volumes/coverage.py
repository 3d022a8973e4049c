"""Which slices of FLAIR another sequence covers: a copy that broke off leaves the rest of them black."""

from __future__ import annotations

import numpy as np
from nibabel.affines import apply_affine

from components.scans.geometry import Geometry
from components.sources.reading import Reading

STEPS = 9  # points along each axis of a slice
HALF = 0.5  # share of a slice below which it counts as not covered
FEW = 0.1  # share of the slices that examinations are planned to differ by, at their ends


def fill(name: str, picture: np.ndarray, flair: np.ndarray, covered: np.ndarray, where: str, reading: Reading) -> None:
    """Put FLAIR on the slices that a sequence does not cover; records how many, unless they are `FEW`.

    Args:
        name: name of the sequence.
        picture: the sequence on FLAIR's slices, uint8 [slices, height, width]; changed in place.
        flair: FLAIR, of the same shape.
        covered: result of `covered_slices`.
        where: name of the patient.
        reading: reading that records problems.
    """
    picture[~covered] = flair[~covered]
    if (~covered).mean() <= FEW:
        return
    what = f"{name} covers {int(covered.sum())} of FLAIR's {len(covered)} slices; FLAIR stands in for it on the others"
    reading.add("gap", where, what, f"add the missing slices of {name} if it was acquired on them")


def covered_slices(volume: Geometry, flair: Geometry, grid: Geometry) -> np.ndarray:
    """Which slices of the grid lie in a volume by at least `HALF` of the part that FLAIR shows: bool [slices]."""
    columns, rows = (np.linspace(0, size - 1, STEPS) for size in grid.shape[:2])
    slices, columns, rows = np.meshgrid(np.arange(grid.shape[2]), columns, rows, indexing="ij")
    points = np.stack([columns, rows, slices], axis=-1)
    shown, inside = (_inside(points, grid, geometry) for geometry in (flair, volume))
    return (shown & inside).sum(axis=(1, 2)) >= HALF * shown.sum(axis=(1, 2))


def _inside(points: np.ndarray, grid: Geometry, geometry: Geometry) -> np.ndarray:
    """Which of these voxel indices of the grid, [slices, .., .., 3], lie in the field of view of a volume."""
    there = apply_affine(np.linalg.inv(geometry.affine) @ grid.affine, points)
    return ((there >= -0.5 - 1e-3) & (there <= np.array(geometry.shape) - 0.5 + 1e-3)).all(axis=-1)
