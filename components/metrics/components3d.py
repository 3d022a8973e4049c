"""What to keep of a mask in three dimensions: all components or the largest, minus those that are too small.

Voxels belong together if they touch by a face, an edge or a corner (26 neighbours): slices lie millimetres apart, and a
tumour whose outline shifts between two of them should stay in one piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from components.metrics.surface import Spacing, bounding_box

TOUCHING = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class Processing:
    """Which components to keep: all or only the largest, and of those only the ones of at least `min_ml`."""

    largest: bool = False
    min_ml: float = 0.0

    def keeps(self, sizes: np.ndarray, spacing: Spacing) -> np.ndarray:
        """Return which components to keep, given their sizes in voxels, bool [components]; the first of two largest."""
        voxel_ml = float(np.prod(spacing)) / 1000
        # Rounding of millimetres must not remove a component of exactly the minimum size.
        kept = sizes * voxel_ml >= self.min_ml * (1 - 1e-9)
        if self.largest and len(sizes):
            kept &= np.arange(len(sizes)) == sizes.argmax()
        return kept


def label_components(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label the components of a bool mask [slices, height, width].

    Returns:
        Labels in the mask's shape, 0 outside, components from 1; and the sizes in voxels [components].
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
        min_ml: minimum size of a component, millilitres; 0 removes none.
        largest: whether to keep only the largest component, and that only if it is large enough.

    Returns:
        A new mask; empty if nothing is kept.
    """
    labels, sizes = label_components(mask)
    return np.concatenate([[False], Processing(largest, min_ml).keeps(sizes, spacing)])[labels]
