"""One examination as the page shows it: in the source's own voxels, as NIfTI."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np

from components.common.errors import UserError
from components.scans.geometry import Geometry
from components.scans.own_voxels import own_geometry, scan_hash, to_own
from components.scans.scan import CHANNELS, Scan
from components.sources import Source
from components.sources.reading import Options

OWN = Options(size=None)


@dataclass(frozen=True)
class Opened:
    """A patient that is open in the review.

    Attributes:
        scan: read with `OWN`; its mask is the source's reference, None if it has none.
        hash: `scan_hash`.
        start: mask that the review starts from, bool in the source's own axes.
    """

    scan: Scan
    hash: str
    start: np.ndarray

    @property
    def geometry(self) -> Geometry:
        """Geometry of all masks of this patient."""
        return own_geometry(self.scan)

    @property
    def reference(self) -> np.ndarray | None:
        """The source's own mask, bool in its own axes."""
        return None if self.scan.mask is None else to_own(self.scan, self.scan.mask.astype(np.uint8)) > 0

    def sequence(self, name: str) -> np.ndarray:
        """A sequence of `CHANNELS`, uint8 0..255 in the source's own axes."""
        return to_own(self.scan, self.scan.image[..., CHANNELS.index(name)])


def read_own(source: Source, patient: str, *, masks: bool = True) -> Scan:
    """Read a patient in the source's own voxels, with its reference mask if that can be read.

    Raises:
        UserError: the scan can't be read, or its orientation doesn't determine its axes.
    """
    reading = source.read(patient, OWN, masks)
    if reading.scan is None and masks:
        reading = source.read(patient, OWN, masks=False)
    if reading.scan is None:
        raise UserError(
            str(reading.problems[0]) if reading.problems else f"{patient}: can't be read; look at its files"
        )
    return reading.scan


def opened(scan: Scan, start: np.ndarray) -> Opened:
    """Open a scan for review; `start` is bool in the source's own axes."""
    return Opened(scan, scan_hash(scan), start)


def as_nifti(voxels: np.ndarray, affine: np.ndarray) -> bytes:
    """Return a volume, uint8 or bool, as the bytes of an uncompressed NIfTI file in that position."""
    picture = nib.Nifti1Image(voxels.astype(np.uint8), affine)
    picture.set_qform(affine, 1)
    picture.set_sform(affine, 1)
    return picture.to_bytes()
