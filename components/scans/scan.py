"""A scan: what every source yields and every later step reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from nibabel.affines import voxel_sizes

from components.scans.geometry import PLAIN, Geometry, resample_mask
from components.scans.identity import subject_of

CHANNELS = ("pre", "flair", "post")
FLAIR = CHANNELS.index("flair")


def neighborhood(slices: int, neighbors: int) -> np.ndarray:
    """Indices of each slice and its neighbours in a scan, int [slices, 2 neighbors + 1]; end slices are repeated."""
    return np.clip(np.arange(slices)[:, None] + np.arange(-neighbors, neighbors + 1), 0, slices - 1)


def stack_neighbors(images: np.ndarray) -> np.ndarray:
    """Stack neighbours, uint8 [batch, n, height, width, 3], along the channels: [batch, height, width, 3 n]."""
    if images.shape[1] == 1:
        return images[:, 0]
    pixels = np.ascontiguousarray(images).view("V3")[..., 0]  # moved as wholes: nearly twice as fast as byte by byte
    return np.stack(list(np.moveaxis(pixels, 1, 0)), axis=-1).view(images.dtype)


@dataclass(frozen=True)
class Scan:
    """One examination.

    Attributes:
        patient: the source's own name for it (folder name, DICOM PatientID); unique, and safe as a file name.
        site: institution, or "unknown".
        image: uint8 array [slices, height, width, 3], the channels in the order of `CHANNELS`, 0..255.
        mask: bool array [slices, height, width], True for tumour; None if there is no reference.
        affine: 4 x 4, from (column, row, slice) to millimetres, see `components.scans.geometry`.
        source: original geometry of the FLAIR volume, to map results back; None for 2-D images.
        header: header of FLAIR's NIfTI file, for masks drawn on it; None if FLAIR was not NIfTI, or it is unknown.
    """

    patient: str
    site: str
    image: np.ndarray
    mask: np.ndarray | None
    affine: np.ndarray = field(default_factory=PLAIN.copy)
    source: Geometry | None = None
    header: bytes | None = None

    @property
    def subject(self) -> str:
        """The person, shared by all of a person's examinations."""
        return subject_of(self.patient)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between (slices, rows, columns)."""
        columns, rows, slices = (float(size) for size in voxel_sizes(self.affine))
        return slices, rows, columns

    @property
    def geometry(self) -> Geometry:
        """Geometry of the image, axes (columns, rows, slices)."""
        return Geometry(self.image.shape[2:0:-1] + self.image.shape[:1], self.affine)

    def to_source(self, mask: np.ndarray) -> np.ndarray:
        """Resample a mask, bool [slices, height, width], to the source's voxels, in the order of the source's axes.

        Raises:
            ValueError: the source had no geometry; its slices are the scan's.
        """
        if self.source is None:
            raise ValueError(f"{self.patient} came as 2-D images")
        return resample_mask(mask.transpose(2, 1, 0), self.geometry, self.source)

    def neighbor_indices(self, at: int, neighbors: int) -> list[int]:
        """Indices (from 0) of a slice and of `neighbors` slices on either side, in order; end slices are repeated."""
        return neighborhood(len(self.image), neighbors)[at].tolist()

    def batches(self, size: int = 16, neighbors: int = 0) -> Iterator[np.ndarray]:
        """Yield the slices in order, at most `size` at once, each with its neighbours along the channels.

        Yields:
            uint8 [batch, height, width, 3 (2 neighbors + 1)].
        """
        neighbor_indices = neighborhood(len(self.image), neighbors)
        for start in range(0, len(self.image), size):
            yield stack_neighbors(self.image[neighbor_indices[start : start + size]])

    def missing_sequences(self) -> dict[str, bool]:
        """Return which sequences are a copy of FLAIR, which is how kaggle_3m fills in a missing one."""
        flair = self.image[..., FLAIR]
        return {name: bool(np.array_equal(self.image[..., i], flair)) for i, name in enumerate(CHANNELS) if i != FLAIR}
