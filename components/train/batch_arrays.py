"""The arrays of one training batch: slices with their neighbours, copied out of the cache, and their targets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from components.train.pasting import Paster
from components.train.training_slices import Slices

BatchArrays = Callable[[int, int, int], tuple[np.ndarray, ...]]


def balanced_weights(has_tumor: np.ndarray) -> np.ndarray:
    """Weights that give both kinds of slices the same total, float32 [slices], 1 on average."""
    share = has_tumor.mean()
    if share in (0, 1):
        return np.ones(len(has_tumor), "float32")
    return np.where(has_tumor, 0.5 / share, 0.5 / (1 - share)).astype("float32")


def batch_arrays(
    slices: Slices,
    sampler: Callable[[int], np.ndarray],
    *,
    with_masks: bool,
    soft: bool = False,
    neighbors: int = 0,
    thick: float = 0.0,
    paster: Paster | None = None,
    weights: np.ndarray | None = None,
) -> BatchArrays:
    """Return a function of (step, part, parts) that copies out one of the equal parts of a step's batch.

    Args:
        slices: slices to draw from.
        sampler: function from a step to the indices of its slices, int [batch], such as a `Sampler`.
        with_masks: whether targets are masks, [batch, size, size, 1]; else they are labels, {0, 1} [batch, 1].
        soft: whether masks hold the tumour fraction of each pixel, 0..1; else they are {0, 1}.
        neighbors: number of slices on either side along the channels.
        thick: probability that a slice's neighbours are taken from twice as far, as in a scan of thicker slices.
        paster: paster of tumours into slices without one; None for none.
        weights: weight of each slice; None for none.

    Returns:
        A function that returns (images, uint8; targets, float32) or (images, targets, weights).
    """
    around = slices.neighbor_indices(neighbors)
    further = slices.neighbor_indices(2 * neighbors)[:, ::2]

    def gather(step: int, part: int, parts: int) -> tuple[np.ndarray, ...]:
        numbers = np.split(sampler(int(step)), parts)[part]
        labels = slices.has_tumor[numbers].astype("float32")[:, None]
        targets = slices.take_masks(numbers, soft=soft) if with_masks else labels
        drawn = np.random.default_rng([int(step), int(part), 7]).random((len(numbers), 1)) < thick
        found = (slices.take_images(np.where(drawn, further[numbers], around[numbers])), targets)
        if paster:
            paster(numbers, *found, int(step) * int(parts) + int(part))
        return found if weights is None else (*found, weights[numbers])

    return gather
