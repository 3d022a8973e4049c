"""Labels of a mask: whole numbers, of which all but 0 count as tumour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from components.sources.reading import Reading
from components.sources.volumes.volume import Volume

ROUNDED = 0.01
LABELS = 16  # no tumour mask has more labels


def check_mask(mask: Volume, where: str, reading: Reading) -> Volume | None:
    """Check a mask's values and shape.

    Args:
        mask: volume from the file.
        where: name of the file in problems.
        reading: reading that records problems: of kind "shape" or "mask_values".

    Returns:
        The mask, with whole numbers if a scale factor only rounded them; None if it is not 3-D.
    """
    if mask.data.ndim != 3:
        what = f"a mask of {mask.data.ndim} dimensions where 3 are expected"
        reading.add("shape", where, what, "give one 3-D mask; of several labels, all but 0 count as tumour")
        return None
    whole = np.round(mask.data)
    # Stored with a scale factor, unless that makes the tumour itself so small.
    if np.abs(mask.data - whole).max() <= ROUNDED and (whole.any() or not mask.data.any()):
        mask = replace(mask, data=whole)
    if (mask.data < 0).any() or (mask.data != whole).any():
        reading.add("mask_values", where, "a mask with negative or broken numbers")
    elif len(np.unique(mask.data)) > LABELS or (mask.data > 0).mean() > 0.5:
        what = "looks like an image, not a mask: many values, or more than half of all voxels set"
        reading.add("mask_values", where, what, "give the tumour's mask: 0 and 1, or a few labels")
    return mask
