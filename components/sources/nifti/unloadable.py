"""Why a NIfTI file can't be loaded, if that shows at a glance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes

from components.scans.geometry import are_possible
from components.sources.nifti import length_unit

GZIP = b"\x1f\x8b"
_HEADER_SIZES = {size.to_bytes(4, order) for size in (348, 540) for order in ("little", "big")}  # NIfTI-1 and -2


def wrong_suffix(path: Path) -> tuple[str, str] | None:
    """Say that a file is compressed although its name says otherwise, or the other way round, and the remedy."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError:
        return None
    named = path.name.lower().endswith(".gz")
    if not named and start.startswith(GZIP):
        return "it is compressed (gzip), though its name doesn't end in .gz", f"rename it to {path.name}.gz"
    if named and start in _HEADER_SIZES:
        return "it is not compressed, though its name ends in .gz", f"rename it to {path.name[: -len('.gz')]}"
    return None


def unusable_affine(affine: np.ndarray) -> tuple[str, str]:
    """Say why `geometry.is_usable` refuses an affine, and the remedy."""
    sizes = voxel_sizes(affine) if np.isfinite(affine).all() else np.zeros(3)
    if ((sizes > 0) & ~are_possible(sizes)).any():
        listed = " x ".join(f"{size:.3g}" for size in sizes)
        return f"its header gives voxels of {listed} mm", length_unit.REMEDY
    remedy = "its sform, qform or pixdim are broken: convert it again"
    return "its header gives no usable orientation and spacing", remedy
