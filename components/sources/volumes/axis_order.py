"""Are a file's voxels stored in the order that its header says? Judged by the images.

Programs that read only the array, flip or turn it, and save it with the old header leave an image upside down or
mirrored although every header agrees. Images are compared by mutual information, as in `alignment`.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from nibabel.affines import apply_affine

from components.scans.geometry import Geometry
from components.sources.volumes.alignment import AIR, entropy, levels, mutual

POINTS = 40  # at most, along each axis of FLAIR
# By how much another order must raise the mutual information, as a fraction of the smaller entropy of the two images.
BETTER = 0.05


def better_order(data: np.ndarray, own: Geometry, flair: np.ndarray, place: Geometry) -> str | None:
    """Describe the order of axes in which a volume fits FLAIR far better than in its own; None if there is none.

    Args:
        data: voxels of the volume, of the shape of `own`, any numeric type.
        own: its geometry according to its header.
        flair: voxels of FLAIR, of the shape of `place`.
        place: FLAIR's geometry.
    """
    steps = [np.round(np.linspace(0, size - 1, min(size, POINTS))).astype(int) for size in flair.shape]
    reference = levels(flair[np.ix_(*steps)])
    inside = reference > AIR
    points = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3)[inside]
    there = np.round(apply_affine(np.linalg.inv(own.affine) @ place.affine, points)).astype(int)
    ends = np.array(own.shape) - 1
    known = ((there >= 0) & (there <= ends)).all(axis=1)
    if known.sum() < POINTS:
        return None
    there, reference = there[known], reference[inside][known]
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], float] = {}
    most = entropy(reference)
    for axes in permutations(range(3)):
        if tuple(own.shape[axis] for axis in axes) == tuple(own.shape):
            for signs in product((1, -1), repeat=3):
                turned = np.where(np.array(signs) < 0, ends - there[:, axes], there[:, axes])
                values = levels(data[tuple(turned.T)])
                most = min(most, entropy(values))
                found[axes, signs] = mutual(values, reference)
    axes, signs = max(found, key=lambda order: found[order])
    if found[axes, signs] - found[(0, 1, 2), (1, 1, 1)] <= max(BETTER * most, len(found) / len(reference)):
        return None
    if axes != (0, 1, 2):
        return "with its axes swapped"
    flipped = [f"axis {i + 1}" for i, sign in enumerate(signs) if sign < 0]
    return f"with {' and '.join(flipped)} reversed"
