"""What to keep of a mask in three dimensions: all components, or the largest; and none that are too small.

Voxels belong together if they touch by a face, an edge or a corner (26 neighbours): slices lie millimetres apart, and
a tumour whose outline shifts between two of them should stay one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from components.metrics.surface import Spacing, bounding_box

TOUCHING = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class Processing:
    """Which components stay: the largest only or all, and of those the ones of `min_ml` or more."""

    largest: bool = False
    min_ml: float = 0.0

    def keeps(self, sizes: np.ndarray, spacing: Spacing) -> np.ndarray:
        """Tell which of the components of so many voxels [components] stay, bool; of two largest, the first."""
        voxel_ml = float(np.prod(spacing)) / 1000
        # Rounding of millimetres must not remove a component of exactly the smallest size.
        kept = sizes * voxel_ml >= self.min_ml * (1 - 1e-9)
        if self.largest and len(sizes):
            kept &= np.arange(len(sizes)) == sizes.argmax()
        return kept


def label_components(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the components of a bool mask [slices, height, width].

    Returns:
        Labels of the mask's shape, 0 outside, components from 1; their sizes in voxels [components].
    """
    labels = np.zeros(mask.shape, np.int32)
    box = bounding_box(mask)
    if box is not None:
        labels[box] = ndimage.label(mask[box], TOUCHING)[0]
    return labels, np.bincount(labels[mask], minlength=1)[1:]


def keep_components(mask: np.ndarray, spacing: Spacing, *, min_ml: float = 0.0, largest: bool = False) -> np.ndarray:
    """Remove components from a bool mask [slices, height, width].

    Args:
        spacing: millimetres between (slices, rows, columns).
        min_ml: components of less than this many millilitres go; 0 removes none.
        largest: all but the largest component go; it too, if it is too small.

    Returns:
        A new mask; empty where nothing stays.
    """
    labels, sizes = label_components(mask)
    return np.concatenate([[False], Processing(largest, min_ml).keeps(sizes, spacing)])[labels]
