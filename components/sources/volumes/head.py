"""Where the head is on FLAIR, to judge whether a mask can be a tumour."""

from __future__ import annotations

import numpy as np

# Of 0..255: air is darker, and so are the parts cut away.
AIR = 25
# The largest gliomas take a fifth of the brain; the brain takes more than this of the head, unless that was cut away.
LARGEST_TUMOUR = 0.3


def outline(flair: np.ndarray) -> np.ndarray:
    """The head on FLAIR, uint8 [slices, height, width], with everything it encloses: bool of the same shape."""
    tissue = flair > AIR
    inside = np.ones_like(tissue)
    for axis in (1, 2):
        before = np.maximum.accumulate(tissue, axis)
        after = np.flip(np.maximum.accumulate(np.flip(tissue, axis), axis), axis)
        inside &= before & after
    return inside
