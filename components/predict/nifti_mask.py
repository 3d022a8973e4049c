"""A mask as NIfTI, with FLAIR's header, so that every viewer places it exactly over the scan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from components.common.files import atomic_file
from components.scans.scan import Scan

NAME = b"glioflow"
# Fields in which programs keep people's names and dates, and those that describe only FLAIR's values.
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
LABEL = 1002  # NIfTI's intent code for a label volume


def write_nifti_mask(path: Path, scan: Scan, mask: np.ndarray) -> None:
    """Write a mask, bool [slices, height, width], as 0 and 1 in the voxels of FLAIR.

    Position and voxel size are copied byte for byte from FLAIR's header, in every form that NIfTI has for them:
    programs differ in the form that they trust, and in what they assume if there is none.
    """
    assert scan.source is not None
    voxels = scan.to_source(mask).astype(np.uint8)
    if scan.header is None:
        picture = nib.Nifti1Image(voxels, scan.source.affine)
        picture.set_qform(scan.source.affine, 1)
        picture.set_sform(scan.source.affine, 1)
    else:
        header = _header(scan.header)
        kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
        picture = kind(voxels, None, header)
        picture.header["pixdim"][:4] = header["pixdim"][:4]  # nibabel has corrected these: negative sizes, a qfac of 0
        picture.header.set_data_dtype(np.uint8)
        picture.header.set_slope_inter(1, 0)
        for field in set(_CLEARED) & set(picture.header.keys()):
            picture.header[field] = np.zeros_like(picture.header[field])
        picture.header["descrip"], picture.header["cal_max"] = NAME, 1
    picture.header["intent_code"] = LABEL
    with atomic_file(path) as part:
        nib.save(picture, part)


def _header(block: bytes) -> Any:
    """Parse a header from its bytes, in either version of NIfTI and either byte order."""
    kind = nib.Nifti1Header if len(block) == nib.Nifti1Header.template_dtype.itemsize else nib.Nifti2Header
    return kind(block, check=False)
