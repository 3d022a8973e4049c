"""Detection by lesion: which tumours are found at all, however well they are outlined, and what is drawn elsewhere.

A lesion is a component of a mask (26 neighbours). It is found if the other mask touches it anywhere, as in the
lesion-wise rates of the ISBI 2015 challenge (Carass et al. 2017, NeuroImage 148, 77-102).
"""

from __future__ import annotations

import numpy as np

from components.metrics.components3d import label_components
from components.metrics.surface import Spacing

Lesions = dict[str, int | float | None]


def lesion_scores(reference: np.ndarray, prediction: np.ndarray, spacing: Spacing) -> Lesions:
    """Lesions of one patient.

    Args:
        reference, prediction: bool [slices, height, width].
        spacing: millimetres between (slices, rows, columns).

    Returns:
        lesions: components of the reference; lesions_found: those that the prediction touches; false_lesions:
        components of the prediction that touch no reference. smallest_found_ml, largest_missed_ml: sizes; None if
        there are none.
    """
    ml = float(np.prod(spacing)) / 1000
    found, sizes = _touched(reference, prediction)
    true, _ = _touched(prediction, reference)
    return {
        "lesions": len(sizes),
        "lesions_found": int(found.sum()),
        "false_lesions": int((~true).sum()),
        "smallest_found_ml": float(sizes[found].min()) * ml if found.any() else None,
        "largest_missed_ml": float(sizes[~found].max()) * ml if (~found).any() else None,
    }


def _touched(mask: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which components of `mask` overlap `other`, bool [components], and their sizes in voxels."""
    labels, sizes = label_components(mask)
    return np.bincount(labels[other & mask], minlength=len(sizes) + 1)[1:] > 0, sizes
