"""A scan: what every source yields and every later step reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from components.errors import UserError

CHANNELS = ("pre", "flair", "post")
FLAIR = CHANNELS.index("flair")


@dataclass(frozen=True)
class Scan:
    """One patient's examination.

    Attributes:
        patient: the source's own identity for the patient (folder name, DICOM PatientID).
        site: the institution, or "unknown".
        image: uint8 array [slices, height, width, 3], the channels in the order of `CHANNELS`, 0..255.
        mask: bool array [slices, height, width], True where there is tumour; None where there is no reference.
        spacing: millimetres between (slices, rows, columns); (1, 1, 1) where the source does not tell.
    """

    patient: str
    site: str
    image: np.ndarray
    mask: np.ndarray | None
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def batches(self, size: int = 16) -> Iterator[np.ndarray]:
        """Yield the slices in order, at most `size` at once: uint8 [batch, height, width, 3]."""
        for start in range(0, len(self.image), size):
            yield self.image[start : start + size]

    def missing_sequences(self) -> dict[str, bool]:
        """Tell which sequences are a copy of FLAIR, which is how kaggle_3m fills the gap of a missing one."""
        flair = self.image[..., FLAIR]
        return {name: bool(np.array_equal(self.image[..., i], flair)) for i, name in enumerate(CHANNELS) if i != FLAIR}


def image_path(folder: str | Path, patient: str) -> Path:
    """Where a patient's pictures lie in a scans folder."""
    return Path(folder) / f"{patient}.nii.gz"


def mask_path(folder: str | Path, patient: str) -> Path:
    """Where a patient's reference mask lies in a scans folder."""
    return Path(folder) / f"{patient}_mask.nii.gz"


def write_scan(folder: str | Path, scan: Scan) -> None:
    """Write a scan as gzipped NIfTI, [width, height, slices(, channels)], which any neuro-imaging viewer opens.

    The bytes depend on the content alone (nibabel writes gzip headers without a time).
    """
    affine = np.diag([*scan.spacing[::-1], 1.0])
    volume = np.ascontiguousarray(scan.image.transpose(2, 1, 0, 3))
    nib.save(nib.Nifti1Image(volume, affine), image_path(folder, scan.patient))
    if scan.mask is not None:
        write_mask(mask_path(folder, scan.patient), scan.mask, scan.spacing)


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask that `write_mask` wrote: bool [slices, height, width]."""
    return np.asarray(nib.load(path).dataobj).transpose(2, 1, 0) > 0


def write_mask(path: str | Path, mask: np.ndarray, spacing: tuple[float, float, float]) -> None:
    """Write a mask, bool [slices, height, width], as gzipped NIfTI, {0, 1} [width, height, slices]."""
    volume = np.ascontiguousarray(mask.astype(np.uint8).transpose(2, 1, 0))
    nib.save(nib.Nifti1Image(volume, np.diag([*spacing[::-1], 1.0])), path)


def read_scan(folder: str | Path, patient: str, site: str = "unknown") -> Scan:
    """Read back what `write_scan` wrote; raises UserError where the file is missing or damaged."""
    path = image_path(folder, patient)
    try:
        picture = nib.load(path)
        image = np.asarray(picture.dataobj).transpose(2, 1, 0, 3)
        mask = None
        if mask_path(folder, patient).exists():
            mask = read_mask(mask_path(folder, patient))
    except (OSError, EOFError, ValueError, ImageFileError) as error:
        raise UserError(f"{path}: not readable as a scan; run `dvc repro ingest` again") from error
    spacing = tuple(float(z) for z in picture.header.get_zooms()[2::-1])
    return Scan(patient, site, image, mask, spacing)  # type: ignore[arg-type]
