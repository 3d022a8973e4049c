"""What a NIfTI header says about position: two forms, each with a code, 0 for none."""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes

from components.scans.geometry import Geometry, is_usable
from components.sources.reading import DAMAGE
from components.sources.volumes.position import shift

TEMPLATES = (3, 4, 5)  # Talairach, MNI 152, another one
SIZES = 0.01  # relative difference that rounding explains


def block(picture: Any) -> bytes | None:
    """Return the header's bytes as they lie in the file; None for formats that nibabel only presents as NIfTI."""
    if not isinstance(picture.header, nib.Nifti1Header):
        return None
    place = picture.file_map.get("header", picture.file_map["image"])
    with place.get_prepare_fileobj("rb") as file:
        # nibabel corrects what it loads: a negative pixdim, a qfac of 0.
        return bytes(type(picture.header).from_fileobj(file, check=False).binaryblock)


def codes(picture: Any) -> int:
    """Whether a header holds a position: its sform_code plus qform_code; 1 in formats without such codes."""
    found = _codes(picture)
    return sum(found) if found else 1


def _codes(picture: Any) -> list[int]:
    return [int(picture.header[code]) for code in ("sform_code", "qform_code") if code in picture.header]


def qform_geometry(picture: Any, first: Geometry) -> Geometry | None:
    """Return the geometry by the qform, if there is one beside the sform and it differs by more than a voxel."""
    header = picture.header
    if "qform_code" not in header or int(header["qform_code"]) <= 0 or int(header["sform_code"]) <= 0:
        return None
    try:
        second = Geometry(first.shape, np.asarray(header.get_qform(), np.float64))
    except DAMAGE:
        return None
    return second if is_usable(second.affine) and shift(second, first) > 1 else None


def sizes_differ(picture: Any, geometry: Geometry) -> str | None:
    """How the voxel sizes (pixdim) contradict the affine in use, in words; None if they agree.

    A program that writes a new sform without pixdim, or the other way round, leaves one of the two behind.
    """
    if "pixdim" not in picture.header or not codes(picture):
        return None
    stated, used = np.abs(picture.header["pixdim"][1:4].astype(float)), voxel_sizes(geometry.affine)
    if (stated <= 0).any() or np.allclose(stated, used, rtol=SIZES):
        return None
    return f"its voxels measure {_by(used)} mm by its sform, and {_by(stated)} mm by pixdim; sform is taken"


def _by(sizes: np.ndarray) -> str:
    return " x ".join(f"{size:.3g}" for size in sizes)


def space(picture: Any) -> tuple[str, str] | None:
    """`Volume.frame` of a file: the space of a template or of the patient; None if its header doesn't say."""
    used = next((code for code in _codes(picture) if code > 0), None)
    return None if used is None else ("nifti", "template" if used in TEMPLATES else "patient")
