"""Does a volume lie where its header says? Judged by the headers of two files of one patient.

Programs that save an array without a header leave an identity, or nothing, in place of the position, and some write the
position in another coordinate system (LPS for RAS) or another order of axes. Such a file looks right, but lies
elsewhere.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from nibabel.affines import apply_affine, voxel_sizes

from components.scans.geometry import Geometry, within

# Sequences of one examination cover much the same region; a slab lies inside FLAIR's.
SHARED = 0.5
SAME = 0.98
STEPS = 9  # points along each axis at which fields of view are compared
COPY_HEADER = "if it was made voxel by voxel on FLAIR, give it FLAIR's header; else export it with its position"
CUT = "save it at FLAIR's shape, or note in its header where the part lies"
EXPORT = "export it again with its position, or copy the header of the file that it was made from"


def is_unset(affine: np.ndarray) -> bool:
    """Return whether an affine was never set: voxel sizes alone, no rotation, no position."""
    flat = np.abs(affine[:3, :3] - np.diag(np.diag(affine[:3, :3]))).max() < 1e-6
    return bool(flat and np.abs(affine[:3, 3]).max() < 1e-6)


def contradiction(
    volume: Geometry,
    flair: Geometry,
    *,
    lacks_position: tuple[bool, bool] = (False, False),
    is_mask: bool = False,
    by_slice: bool = False,
) -> tuple[str, str] | None:
    """Why a volume can't be placed relative to FLAIR, and the remedy; None if it can.

    Args:
        volume, flair: geometries according to the headers.
        lacks_position: for each of the two, whether its header holds no position.
        is_mask: whether it is a mask, which is drawn on the voxels of a sequence.
        by_slice: whether each slice holds its own position, as in DICOM, whose segmentations leave out empty slices.
    """
    if volume.same_as(flair):
        return None
    same_shape = volume.shape == flair.shape
    shares = _shared(volume, flair), _shared(flair, volume)
    if lacks_position[0] != lacks_position[1]:
        which = (
            "its header holds no position, but FLAIR's does"
            if lacks_position[0]
            else "FLAIR's header holds no position, but its own does"
        )
        shapes = ", though both have the same shape" if same_shape else ""
        return f"{which}{shapes}", COPY_HEADER
    if lost := _lost_part(volume, flair):
        return lost, COPY_HEADER
    if all(lacks_position) and min(shares) < SAME:
        return "neither its header nor FLAIR's holds a position, and they differ in shape or voxel size", EXPORT
    if _mirrored(volume, flair):
        return "its header places it as FLAIR with axes of the patient swapped or mirrored (LPS for RAS?)", COPY_HEADER
    if _transposed(volume, flair):
        return "its header is FLAIR's, but its voxels lie in another order of axes", "save it in FLAIR's order of axes"
    if not by_slice and _is_cut(volume, flair, is_mask):
        return "its header is FLAIR's, but its shape is not, so it was probably cropped or resampled", CUT
    if max(shares) < SHARED:
        return f"it shares {max(shares):.0%} of its field of view with FLAIR", COPY_HEADER if same_shape else EXPORT
    if is_mask and same_shape and shift(volume, flair) > 1 and not _is_reordered(volume, flair):
        return (
            f"it has FLAIR's shape, but its header places it {shift(volume, flair):.1f} voxels away from FLAIR",
            COPY_HEADER,
        )
    return None


def _is_cut(volume: Geometry, flair: Geometry, is_mask: bool) -> bool:
    """Return whether a header is FLAIR's although the shape isn't; a sequence may end earlier, but along one axis."""
    differing = sum(one != other for one, other in zip(volume.shape, flair.shape, strict=True))
    return differing > (0 if is_mask else 1) and bool(np.allclose(volume.affine, flair.affine, atol=1e-2))


def is_same_grid(one: Geometry, other: Geometry) -> bool:
    """Return whether two volumes have the same number of voxels along each axis, of the same size."""
    sizes = voxel_sizes(one.affine), voxel_sizes(other.affine)
    return one.shape == other.shape and bool(np.allclose(*sizes, rtol=1e-3))


def _shared(one: Geometry, other: Geometry) -> float:
    """Fraction of one field of view that lies inside the other."""
    corners = [np.linspace(-0.5, size - 0.5, STEPS + 1) for size in one.shape]
    middles = [(edges[1:] + edges[:-1]) / 2 for edges in corners]
    points = np.stack(np.meshgrid(*middles, indexing="ij"), -1).reshape(-1, 3)
    return float(within(points, one, other).mean())


def _is_reordered(one: Geometry, other: Geometry) -> bool:
    """Return whether both have the same voxels in another order: axes swapped or flipped, and the header says so."""
    corner = apply_affine(
        np.linalg.inv(other.affine) @ one.affine, list(product(*((0, size - 1) for size in one.shape)))
    )
    ends = np.array(other.shape) - 1
    return bool(np.minimum(np.abs(corner), np.abs(corner - ends)).max() < 0.1)


def shift(one: Geometry, other: Geometry) -> float:
    """Largest distance between corresponding voxels, in voxels of the other."""
    corners = np.array(list(product(*((0, size - 1) for size in one.shape))))
    return float(np.abs(apply_affine(np.linalg.inv(other.affine) @ one.affine, corners) - corners).max())


def _lost_part(volume: Geometry, flair: Geometry) -> str | None:
    """Return what a header lost between two files of one shape: position, voxel size or directions."""
    if volume.shape != flair.shape or shift(volume, flair) <= 1:
        return None
    if np.abs(volume.affine[:3, 3]).max() < 1e-6:
        return "it has FLAIR's shape, but its header places it at 0, 0, 0"
    sizes, expected = voxel_sizes(volume.affine), voxel_sizes(flair.affine)
    if np.allclose(sizes, 1, atol=1e-6) and not np.allclose(expected, 1, atol=1e-2):
        return "it has FLAIR's shape, but its header says 1 x 1 x 1 mm"
    if np.allclose(volume.affine[:3, 3], flair.affine[:3, 3], atol=1e-2):
        return "it has FLAIR's shape and place, but its header gives its axes other directions"
    return None


def _mirrored(volume: Geometry, flair: Geometry) -> bool:
    """Return whether the header is FLAIR's in other world axes, which are swapped or have the opposite sign."""
    if volume.shape != flair.shape or _is_reordered(volume, flair):
        return False
    return any(
        np.allclose(volume.affine[:3], np.array(signs)[:, None] * flair.affine[list(axes)], atol=1e-2)
        for axes in permutations(range(3))
        for signs in product((1, -1), repeat=3)
        if (axes, signs) != ((0, 1, 2), (1, 1, 1))
    )


def _transposed(volume: Geometry, flair: Geometry) -> bool:
    """Return whether voxels were reordered but the header was not updated."""
    return (
        volume.shape != flair.shape
        and sorted(volume.shape) == sorted(flair.shape)
        and bool(np.allclose(voxel_sizes(volume.affine), voxel_sizes(flair.affine), rtol=1e-2))
        and bool(np.allclose(volume.affine, flair.affine, atol=1e-2))
    )
