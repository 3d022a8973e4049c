"""Where a volume lies in the patient, the grid to which slices are resampled, and the mapping in both directions.

Affines are NIfTI's: from voxel indices to millimetres, x growing towards the patient's right, y towards the front, z
towards the head (RAS+). A grid's own axes are columns towards the left, rows towards the back, slices towards the head
(LPS): the radiological view, and that of the LGG data.
"""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine, voxel_sizes
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

# 2-D images have no geometry: one millimetre per step, in the grid's orientation.
PLAIN = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Geometry:
    """Shape (three voxel counts) and affine (4 x 4) of a volume, in the order of its own axes."""

    shape: tuple[int, ...]
    affine: np.ndarray

    def same_as(self, other: Geometry) -> bool:
        """Return whether both have the same voxels, to a thousandth of a millimetre."""
        return self.shape == other.shape and bool(np.allclose(self.affine, other.affine, atol=1e-3))

    def turned(self, axes: np.ndarray) -> tuple[np.ndarray, Geometry]:
        """Flip and swap axes to match `axes`, a nibabel orientation.

        Returns:
            The transform, for `apply_orientation`, and the geometry after it.
        """
        turn = ornt_transform(io_orientation(self.affine), axes)
        shape = tuple(int(self.shape[axis]) for axis in np.argsort(turn[:, 0]))
        return turn, Geometry(shape, self.affine @ inv_ornt_aff(turn, self.shape))


def are_possible(sizes: np.ndarray) -> np.ndarray:
    """Return which voxel sizes, millimetres, a scan can have: those between 0.01 and 100."""
    return (sizes > 0.01) & (sizes < 100)


def is_usable(affine: np.ndarray) -> bool:
    """Return whether an affine is plausible for a scan: possible voxel sizes, and axes nearly at right angles."""
    if not np.isfinite(affine).all():
        return False
    sizes = voxel_sizes(affine)
    if not are_possible(sizes).all():
        return False
    return abs(np.linalg.det(affine[:3, :3])) > 0.5 * sizes.prod() and not np.isnan(io_orientation(affine)).any()


def own_grid(source: Geometry) -> Geometry:
    """Grid of the source's own voxels: only the order of the axes changes."""
    return source.turned(axcodes2ornt(("L", "P", "S")))[1]


def model_grid(source: Geometry, size: int, spacing: float) -> Geometry:
    """Grid of slices of `size` x `size` pixels, `spacing` millimetres apart, centred on the source's field of view.

    Slices, even oblique ones, stay where they were acquired: nothing is interpolated between them.
    """
    axial = own_grid(source)
    affine = axial.affine.copy()
    affine[:3, :2] *= spacing / voxel_sizes(axial.affine)[:2]
    middle = apply_affine(axial.affine, [(axial.shape[0] - 1) / 2, (axial.shape[1] - 1) / 2, 0])
    affine[:3, 3] += middle - apply_affine(affine, [(size - 1) / 2, (size - 1) / 2, 0])
    grid = Geometry((size, size, axial.shape[2]), affine)
    return axial if grid.same_as(axial) else grid


def resample(volume: np.ndarray, source: Geometry, target: Geometry) -> np.ndarray:
    """Resample a volume of `source.shape` to `target.shape`, with 0 outside the source.

    Returns:
        The same values and type if both have the same voxels in another order; else float32, linearly interpolated
        after smoothing along the axes whose voxels grow (a Gaussian of half the growth in excess of 1, in voxels).
    """
    from nibabel.processing import resample_from_to  # slow, and 2-D images need none of it
    from scipy.ndimage import gaussian_filter

    turn, aligned = source.turned(io_orientation(target.affine))
    turned = apply_orientation(volume, turn)
    if aligned.same_as(target):
        return np.ascontiguousarray(turned)
    growth = voxel_sizes(target.affine) / voxel_sizes(aligned.affine)
    smooth = gaussian_filter(turned.astype(np.float32), np.maximum(0, (growth - 1) / 2))
    # "grid-constant" interpolates across the edge, so that a rounding error doesn't cut off the outermost voxels.
    moved = resample_from_to(
        nib.Nifti1Image(smooth, aligned.affine), (target.shape, target.affine), order=1, mode="grid-constant"
    )
    return np.asarray(moved.dataobj, np.float32)


def resample_mask(mask: np.ndarray, source: Geometry, target: Geometry) -> np.ndarray:
    """Resample a mask, bool `source.shape`, to bool `target.shape`: tumour if it covers at least half of a voxel."""
    return resample(mask.astype(np.uint8), source, target) >= 0.5


def within(points: np.ndarray, source: Geometry, target: Geometry, slack: float = 0.0) -> np.ndarray:
    """Which points, voxel indices of `source` [.., 3], lie in the field of view of `target`: bool [..].

    Args:
        slack: how far outside of it still counts, in voxels of the target.
    """
    there = apply_affine(np.linalg.inv(target.affine) @ source.affine, points)
    edge = 0.5 + slack
    return ((there >= -edge) & (there <= np.array(target.shape) - 1 + edge)).all(axis=-1)


def voxels_outside(mask: np.ndarray, source: Geometry, target: Geometry) -> int:
    """Count the mask voxels that would be lost because their centres lie outside `target`."""
    return int((~within(np.argwhere(mask), source, target)).sum())
