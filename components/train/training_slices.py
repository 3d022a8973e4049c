"""Decoded slices of one split: uint8 files, mapped into memory as far as it suffices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.scans.scan import neighborhood, stack_neighbors


@dataclass(frozen=True)
class Slices:
    """Slices on a network's grid, in the order of patient and slice, whatever the order of the files.

    Attributes:
        images: uint8 [records, size, size, 3], in the files' order.
        masks: uint8 {0, 1} [records, size, size, 1], likewise.
        order: record of each slice, int [slices].
        patients: number of each slice's patient, int [slices], from 0.
        has_tumor: bool [slices].
        people: fingerprints of the persons, sorted.
    """

    images: np.ndarray
    masks: np.ndarray
    order: np.ndarray
    patients: np.ndarray
    has_tumor: np.ndarray
    people: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.order)

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

    def take_masks(self, numbers: np.ndarray) -> np.ndarray:
        """Masks of slices, uint8 {0, 1} [batch, size, size, 1]."""
        return self.masks[self.order[numbers]]
