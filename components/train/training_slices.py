"""Decoded slices of one split, as memory-mapped uint8 files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.scans.scan import neighborhood, stack_neighbors


@dataclass(frozen=True)
class Slices:
    """Slices on a network's grid, in the order of patient and slice, whatever the order of the files.

    Attributes:
        images: uint8 [records, size, size, 3], in the files' order.
        masks: tumour fraction of each pixel, in 255ths, uint8 [records, size, size, 1], likewise.
        order: record of each slice, int [slices].
        patients: index of each slice's patient, int [slices], from 0.
        has_tumor: bool [slices].
        fingerprints: fingerprints of the persons, sorted.

    Raises:
        TypeError: `has_tumor` holds numbers, by which a sampler would take every slice for one with tumour.
    """

    images: np.ndarray
    masks: np.ndarray
    order: np.ndarray
    patients: np.ndarray
    has_tumor: np.ndarray
    fingerprints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a `has_tumor` that is not boolean."""
        if self.has_tumor.dtype != bool:
            raise TypeError(f"has_tumor must be bool, and is {self.has_tumor.dtype}")

    def __len__(self) -> int:
        return len(self.order)

    def tumor_area(self) -> np.ndarray:
        """Tumour of each slice, in pixels of the grid, float [slices]."""
        return np.array([self.masks[record].sum(dtype=float) / 255 for record in self.order])

    def neighbor_indices(self, neighbors: int) -> np.ndarray:
        """Indices of each slice and its neighbours in the scan, int [slices, 2 neighbors + 1]."""
        lengths = np.bincount(self.patients)
        starts = np.cumsum(lengths) - lengths
        return np.concatenate(
            [start + neighborhood(length, neighbors) for start, length in zip(starts, lengths, strict=True)]
        )

    def take_images(self, neighbor_indices: np.ndarray) -> np.ndarray:
        """Images of slices with their neighbours, [batch, .., 3 (2 n + 1)].

        Args:
            neighbor_indices: rows of `self.neighbor_indices(n)`.
        """
        return stack_neighbors(self.images[self.order[neighbor_indices]])

    def take_masks(self, numbers: np.ndarray, *, soft: bool = False) -> np.ndarray:
        """Masks of slices, float32 [batch, size, size, 1].

        Args:
            numbers: indices of the slices.
            soft: whether to give the tumour fraction of each pixel, 0..1; else 1 where that is half or more, and 0.
        """
        shares = self.masks[self.order[numbers]]
        return shares.astype(np.float32) / 255 if soft else (shares >= 128).astype(np.float32)
