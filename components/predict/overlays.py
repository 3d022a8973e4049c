"""Overlays: FLAIR with the predicted outline, one PNG per slice with a tumour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import binary_erosion

from components.common.files import atomic_file
from components.scans.scan import FLAIR, Scan

RED = (255, 40, 40)
SCALE = 2  # enlarged, so that the outline hides little of what it surrounds


def write_overlays(folder: Path, scan: Scan, mask: np.ndarray) -> None:
    """Write `<patient>_<slice>.png` for each non-empty slice of a mask, bool [slices, height, width]."""
    if not mask.any():
        return
    folder.mkdir(parents=True, exist_ok=True)
    bright = max(1.0, float(np.percentile(scan.image[..., FLAIR], 99.8)))
    for at in np.flatnonzero(mask.any(axis=(1, 2))):
        grey = np.clip(scan.image[at, ..., FLAIR] * (255 / bright), 0, 255).astype(np.uint8)
        picture = overlay(grey, mask[at])
        with atomic_file(folder / f"{scan.patient}_{at + 1}.png", sweep=False) as part:
            Image.fromarray(picture).save(part)


def overlay(grey: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draw a mask's outermost ring in red on an enlarged slice.

    Args:
        grey: uint8 [height, width].
        mask: bool [height, width].

    Returns:
        uint8 [SCALE height, SCALE width, 3].
    """
    large = [np.kron(one, np.ones((SCALE, SCALE), one.dtype)) for one in (grey, mask)]
    picture = np.repeat(large[0][..., None], 3, axis=-1)
    picture[large[1] & ~binary_erosion(large[1])] = RED
    return picture
