"""Masks in the format of the scan: 2-D images for 2-D images, NIfTI for NIfTI, DICOM SEG for DICOM."""

from __future__ import annotations

import glob
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from components.common.errors import UserError
from components.common.files import atomic_file, atomic_folder
from components.predict.nifti_mask import write_nifti_mask
from components.predict.segmentation import write_segmentation
from components.scans.scan import Scan
from components.scans.scan_files import mask_path, write_mask
from components.sources import Source, dicom, kaggle_3m, loose_pictures

Writer = Callable[[Path, Source, Scan, np.ndarray], list[str] | None]


def write_masks(folder: Path, source: Source, scan: Scan, mask: np.ndarray) -> list[str]:
    """Write a patient's mask, bool [slices, height, width], into `folder`, in the source's own format and geometry.

    kaggle_3m: `<patient>/<image>_mask.tif`, 0 and 255, one per image. A single image: `<image>_mask` with its
    suffix, PNG for JPEG. NIfTI: `<patient>_mask.nii.gz`, 0 and 1, with FLAIR's voxels and header. DICOM:
    `<patient>_seg.dcm`, or NIfTI if the headers don't allow that. Formats without a writer get NIfTI.

    Returns:
        Notes on what was written in another format.

    Raises:
        UserError: the mask can't be written, or a FLAIR series in DICOM has changed since it was read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return WRITERS.get(source.reader, _nifti)(folder, source, scan, mask) or []


def mask_files(folder: Path, patient: str) -> list[Path]:
    """Return what `write_masks` may have written into `folder` for a patient, in any format."""
    named = (folder / patient, mask_path(folder, patient), folder / f"{patient}_seg.dcm")
    return sorted({path for path in (*named, *folder.glob(f"{glob.escape(patient)}_mask.*")) if path.exists()})


def _kaggle_3m(folder: Path, source: Source, scan: Scan, mask: np.ndarray) -> None:
    files = kaggle_3m.pictures_of(source.entries[scan.patient].files)
    with atomic_folder(folder / scan.patient) as part:  # in one rename: a rename per file would cost more than the file
        for file, one in zip(files, mask, strict=True):
            path = part / f"{Path(file).stem}_mask.tif"
            path.write_bytes(_encoded(path.suffix, one))


def _picture(folder: Path, source: Source, scan: Scan, mask: np.ndarray) -> None:
    (file,) = source.entries[scan.patient].files
    suffix = Path(file).suffix.lower()
    _write_picture(folder / f"{scan.patient}_mask{'.png' if suffix.startswith('.jp') else suffix}", mask[0])


def _write_picture(path: Path, mask: np.ndarray) -> None:
    with atomic_file(path) as part:
        part.write_bytes(_encoded(path.suffix, mask))


def _encoded(suffix: str, mask: np.ndarray) -> bytes:
    # Every tif reader supports PackBits; it shrinks masks thirtyfold and costs next to nothing.
    options = {"compression": "packbits"} if suffix.startswith(".tif") else {}
    encoded = BytesIO()  # libtiff would hide the reason for a failed write
    Image.fromarray(mask.astype(np.uint8) * 255).save(encoded, Image.registered_extensions()[suffix], **options)
    return encoded.getvalue()


def _nifti(folder: Path, _: Source, scan: Scan, mask: np.ndarray) -> None:
    path = mask_path(folder, scan.patient)
    if scan.source is not None:
        write_nifti_mask(path, scan, mask)
        return
    with atomic_file(path) as part:
        write_mask(part, mask, scan.affine)


def _dicom(folder: Path, source: Source, scan: Scan, mask: np.ndarray) -> list[str]:
    entry = source.entries[scan.patient]
    with source.tree.local(entry.files) as local_copy:
        headers = dicom.flair_headers(local_copy / entry.path, scan.patient)
    if not headers:
        raise UserError(f"{scan.patient}: its FLAIR series changed while it was read; predict it again")
    try:
        write_segmentation(folder / f"{scan.patient}_seg.dcm", scan, mask, headers)
    except UserError as error:
        _nifti(folder, source, scan, mask)
        return [f"its mask is NIfTI: {error}"]
    return []


WRITERS: dict[Callable, Writer] = {
    kaggle_3m.read: _kaggle_3m,
    loose_pictures.read: _picture,
    dicom.read: _dicom,
}
