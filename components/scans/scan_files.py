"""Scans as files: gzipped NIfTI, which any neuro-imaging viewer opens. The bytes depend only on the content."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Extension

from components.common.errors import UserError
from components.scans.geometry import Geometry
from components.scans.scan import Scan

COMMENT = 6  # NIfTI's code for a plain-text extension; it holds the source's geometry, as JSON


def image_path(folder: str | Path, patient: str) -> Path:
    """Path of a patient's images in a scans folder."""
    return Path(folder) / f"{patient}.nii.gz"


def mask_path(folder: str | Path, patient: str) -> Path:
    """Path of a patient's reference mask in a scans folder."""
    return Path(folder) / f"{patient}_mask.nii.gz"


def write_scan(folder: str | Path, scan: Scan) -> None:
    """Write image and mask, axes (columns, rows, slices(, channels))."""
    picture = nib.Nifti1Image(np.ascontiguousarray(scan.image.transpose(2, 1, 0, 3)), scan.affine)
    if scan.source is not None:
        record = {"source_shape": list(scan.source.shape), "source_affine": scan.source.affine.tolist()}
        picture.header.extensions.append(Nifti1Extension(COMMENT, json.dumps(record).encode()))
    nib.save(picture, image_path(folder, scan.patient))
    if scan.mask is not None:
        write_mask(mask_path(folder, scan.patient), scan.mask, scan.affine)


def write_mask(path: str | Path, mask: np.ndarray, affine: np.ndarray) -> None:
    """Write a mask, bool [slices, height, width], as {0, 1}, axes (columns, rows, slices)."""
    nib.save(nib.Nifti1Image(np.ascontiguousarray(mask.astype(np.uint8).transpose(2, 1, 0)), affine), path)


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask written by `write_mask`: bool [slices, height, width]."""
    return np.asarray(nib.load(path).dataobj).transpose(2, 1, 0) > 0


def read_scan(folder: str | Path, patient: str, site: str = "unknown") -> Scan:
    """Read a scan written by `write_scan`; raises UserError if the file is missing or damaged."""
    path = image_path(folder, patient)
    try:
        picture = nib.load(path)
        image = np.asarray(picture.dataobj).transpose(2, 1, 0, 3)
        mask = read_mask(mask_path(folder, patient)) if mask_path(folder, patient).exists() else None
        source = _source_geometry(picture.header)
    except (OSError, EOFError, ValueError, KeyError, ImageFileError) as error:
        raise UserError(f"{path}: not readable as a scan; run `dvc repro ingest` again") from error
    return Scan(patient, site, image, mask, picture.affine, source)


def _source_geometry(header: nib.Nifti1Header) -> Geometry | None:
    for extension in header.extensions:
        if extension.get_code() == COMMENT:
            record = json.loads(bytes(extension.get_content()).rstrip(b"\0"))
            return Geometry(tuple(record["source_shape"]), np.array(record["source_affine"]))
    return None
