"""Where the head is on FLAIR, to judge whether a mask can be a tumour."""

from __future__ import annotations

import numpy as np

# On the scale 0..255; air and removed tissue (skull stripping, defacing) are darker.
AIR = 25
# The largest gliomas take a fifth of the brain; the brain takes more than this of the head, unless that was cut away.
LARGEST_TUMOUR = 0.3


def head_mask(flair: np.ndarray) -> np.ndarray:
    """Return the head on FLAIR, uint8 [slices, height, width], with everything it encloses: bool of the same shape."""
    tissue = flair > AIR
    inside = np.ones_like(tissue)
    for axis in (1, 2):
        before = np.maximum.accumulate(tissue, axis)
        after = np.flip(np.maximum.accumulate(np.flip(tissue, axis), axis), axis)
        inside &= before & after
    return inside
