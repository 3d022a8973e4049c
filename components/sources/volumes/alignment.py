"""Do the images themselves agree with their headers? Judged by the mutual information of two volumes.

Two files of one shape may cover one field of view with their axes in different directions. If a program has reoriented
the voxels, both headers are right; if it has changed only the header, the images match better voxel by voxel.

Mutual information as a measure of alignment: Viola and Wells 1997; Maes et al. 1997, doi:10.1109/42.563664.
"""

from __future__ import annotations

import numpy as np

from components.scans.geometry import Geometry, resample
from components.sources.volumes.position import COPY_HEADER, shift

BINS = 32
AIR = 2  # highest of the `BINS` levels that is air
# By how much a voxelwise match must raise the mutual information, as a fraction of the smaller entropy of the two
# volumes. With 6,000 voxels, noise stays below this.
BETTER = 0.03


def contradiction(data: np.ndarray, own: Geometry, flair: np.ndarray, place: Geometry) -> tuple[str, str] | None:
    """Why a volume can't lie where its header says, and the remedy; None if it can, or if the images don't decide.

    Args:
        data: voxels of the volume, any numeric type, three axes.
        own: its geometry according to its header.
        flair: voxels of FLAIR; nothing is decided unless both shapes are equal.
        place: FLAIR's geometry.
    """
    if data.shape != flair.shape or shift(own, place) <= 1:
        return None
    reference = levels(flair)
    inside = reference > AIR  # heads look alike; their interior shows the orientation
    reference = reference[inside]
    unmoved, moved = levels(data)[inside], levels(resample(data, own, place))[inside]
    most = min(entropy(unmoved), entropy(reference))
    if mutual(unmoved, reference) - mutual(moved, reference) > BETTER * most > 0:
        return "it fits FLAIR voxel by voxel, and not where its header places it", COPY_HEADER
    return None


def levels(volume: np.ndarray) -> np.ndarray:
    """Quantise voxels to `BINS` equal steps, 0 to `BINS` - 1, between darkest and brightest."""
    volume = volume.astype(np.float32)
    low, high = float(volume.min()), float(np.percentile(volume, 99.9))
    high = high if high > low else float(volume.max())  # most of a mask is 0
    return np.clip((volume - low) * (BINS / max(high - low, 1e-12)), 0, BINS - 1).astype(np.int32).ravel()


def entropy(levels: np.ndarray) -> float:
    """Entropy of an array of levels, nats."""
    share = np.bincount(levels, minlength=BINS) / max(1, levels.size)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())


def mutual(one: np.ndarray, other: np.ndarray) -> float:
    """Mutual information of two equally long arrays of levels, nats."""
    return entropy(one) + entropy(other) - _joint_entropy(one, other)


def _joint_entropy(one: np.ndarray, other: np.ndarray) -> float:
    share = np.bincount(one * BINS + other, minlength=BINS * BINS) / max(1, one.size)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())
