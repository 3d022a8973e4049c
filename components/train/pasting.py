"""Tumours pasted from one training patient into tumour-free slices of another.

TumorCP: Yang et al. 2021, arXiv 2107.09843; CarveMix: Zhang et al. 2021, arXiv 2108.06883.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from components.train.training_slices import Slices

FEATHER = 1.5  # pixels: standard deviation of the edge between the tumour and its new surroundings
INSIDE = 0.9  # fraction of the tumour that must lie inside the other head


class Paster:
    """Replaces some tumour-free slices by the same slices with another patient's tumour.

    The tumour keeps its position, is pasted with its neighbouring slices, and has its intensities matched to the mean
    and standard deviation of the other head.

    Args:
        slices: slices that the indices refer to.
        donors: indices of the slices that lend tumours, all of training patients.
        neighbor_indices: `slices.neighbor_indices(n)`.
        share: fraction of the tumour-free slices that get a tumour.
        seed: seed of the draws, which are a function of it and the step.
        soft: whether masks hold the tumour fraction of each pixel, 0..1; else they are {0, 1}.
    """

    def __init__(
        self, slices: Slices, donors: np.ndarray, neighbor_indices: np.ndarray, share: float, seed: int, *, soft: bool
    ) -> None:
        self.slices, self.donors, self.around, self.share, self.seed = slices, donors, neighbor_indices, share, seed
        self.soft = soft

    def __call__(self, numbers: np.ndarray, images: np.ndarray, masks: np.ndarray, step: int) -> None:
        """Paste into a batch in place: images, uint8 [batch, .., 3 (2 n + 1)], and masks, float32 [batch, .., 1]."""
        drawn = np.random.default_rng([self.seed, 11, step])
        for at, number in enumerate(numbers):
            paste, donor = drawn.random() < self.share, self.donors[drawn.integers(len(self.donors))]
            if (
                paste
                and not self.slices.has_tumor[number]
                and self.slices.patients[donor] != self.slices.patients[number]
            ):
                self._paste(donor, images[at], masks[at])

    def _paste(self, donor: int, image: np.ndarray, mask: np.ndarray) -> None:
        lent = self.slices.take_masks(np.array([donor]), soft=True)[0]
        head, other = _head(image), self.slices.take_images(self.around[[donor]])[0]
        own_head = _head(other) & (lent[..., 0] == 0)  # the tumour itself says nothing about the scanner
        if (lent[..., 0] * head).sum() < INSIDE * lent.sum() or not own_head.any():
            return
        edges = self.slices.take_masks(self.around[donor], soft=True)[..., 0]
        weights = np.stack(
            [ndimage.gaussian_filter(edge, FEATHER) for edge in np.maximum(edges, lent[..., 0])], axis=-1
        )
        weights = np.repeat(np.minimum(1.0, 2 * weights), 3, axis=-1)
        before, after = other[own_head].astype(np.float32), image[head].astype(np.float32)
        ratio = (after.std(axis=0) + 1) / (before.std(axis=0) + 1)
        moved = (other - before.mean(axis=0)) * ratio + after.mean(axis=0)
        image[...] = np.rint(np.clip(image + weights * (moved - image), 0, 255))
        mask[...] = lent if self.soft else lent >= 0.5


def _head(image: np.ndarray) -> np.ndarray:
    """Return where a slice with neighbours, [.., 3 (2 n + 1)], shows head rather than air, by its own FLAIR: bool."""
    flair = image[..., image.shape[-1] // 2]
    return flair > max(10.0, 0.5 * float(flair.mean()))
