"""A mask as NIfTI, which every viewer puts where it puts the scan: its header is that of the FLAIR file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from components.common.files import atomic_file
from components.scans.scan import Scan

NAME = b"glioflow"
# Fields in which programs keep names and dates of people, and what is true of FLAIR's values alone.
_CLEARED = (
    "db_name",
    "data_type",
    "aux_file",
    "intent_name",
    "intent_p1",
    "intent_p2",
    "intent_p3",
    "toffset",
    "cal_min",
)
LABEL = 1002  # NIfTI's intent of a volume of labels


def write_nifti_mask(path: Path, scan: Scan, mask: np.ndarray) -> None:
    """Write a mask, bool [slices, height, width], as 0 and 1 in the voxels of FLAIR.

    Position and voxel size, in all forms that NIfTI has for them, are the bytes of FLAIR's header. Programs differ in
    which form they believe, and in what they take where there is none.
    """
    assert scan.source is not None
    drawn = scan.to_source(mask).astype(np.uint8)
    if scan.header is None:
        picture = nib.Nifti1Image(drawn, scan.source.affine)
        picture.set_qform(scan.source.affine, 1)
        picture.set_sform(scan.source.affine, 1)
    else:
        header = _header(scan.header)
        kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
        picture = kind(drawn, None, header)
        picture.header.set_data_dtype(np.uint8)
        picture.header.set_slope_inter(1, 0)
        for field in set(_CLEARED) & set(picture.header.keys()):
            picture.header[field] = np.zeros_like(picture.header[field])
        picture.header["descrip"], picture.header["cal_max"] = NAME, 1
    picture.header["intent_code"] = LABEL
    with atomic_file(path) as part:
        nib.save(picture, part)


def _header(block: bytes) -> Any:
    """A header from its bytes, of either version of NIfTI and either order of bytes."""
    kind = nib.Nifti1Header if len(block) == nib.Nifti1Header.template_dtype.itemsize else nib.Nifti2Header
    return kind(block)
