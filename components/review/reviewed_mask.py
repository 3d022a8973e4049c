"""Writes a mask as it was reviewed, in the source's own geometry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from components.common.files import atomic_file
from components.predict.nifti_mask import write_nifti_mask
from components.scans.own_voxels import from_own
from components.scans.scan import Scan
from components.scans.scan_files import write_mask


def writer(scan: Scan, mask: np.ndarray) -> Callable[[Path], None]:
    """Return a writer of a mask, bool in the source's own axes, to NIfTI in the source's own geometry."""
    slices = from_own(scan, mask.astype(np.uint8)) > 0
    if scan.source is None:
        return partial(_write_whole, mask=slices, affine=scan.affine)
    return partial(write_nifti_mask, scan=scan, mask=slices)


def _write_whole(path: Path, mask: np.ndarray, affine: np.ndarray) -> None:
    with atomic_file(path) as part:
        write_mask(part, mask, affine)
