"""The segmenter's probabilities as a volume, for viewers: `maps/<patient>.nii.gz`, on the slices that the model saw."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from components.common.files import atomic_file
from components.scans.scan import Scan

WHOLE = 255  # what probability 1 becomes


def map_path(folder: Path, patient: str) -> Path:
    """Path of a patient's map in a folder of results."""
    return folder / "maps" / f"{patient}.nii.gz"


def write_map(path: Path, scan: Scan, probability: np.ndarray) -> None:
    """Write probabilities, float [slices, height, width], 0..1, as uint8 0..255, axes (columns, rows, slices)."""
    voxels = np.round(np.clip(probability, 0, 1) * WHOLE).astype(np.uint8).transpose(2, 1, 0)
    with atomic_file(path) as part:
        nib.save(nib.Nifti1Image(np.ascontiguousarray(voxels), scan.affine), part)
