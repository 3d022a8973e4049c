"""The batches that a network's parameters ask for: which slices are drawn, with which weights, and what is pasted."""

from __future__ import annotations

import numpy as np

from components.common.params import Params
from components.train import settings
from components.train.batch_arrays import BatchArrays, balanced_weights, batch_arrays
from components.train.pasting import Paster
from components.train.sampling import Sampler
from components.train.training_slices import Slices


def drawn_arrays(params: Params, network: str, slices: Slices, known: np.ndarray | None = None) -> BatchArrays:
    """Return the arrays of the training batches of `network`.

    Args:
        params: all parameters.
        network: "classifier" or "segmenter".
        slices: slices to draw from.
        known: indices of those to learn from; None for all. The others are only neighbours.

    Raises:
        UserError: the parameters ask for slices of a kind that there is not.
    """
    group, with_masks = getattr(params, network), network == "segmenter"
    share, weighted = settings.balance(params, network)
    known = np.arange(len(slices)) if known is None else known
    patients, has_tumor = slices.patients[known], slices.has_tumor[known]
    turns = {}
    if with_masks and group.draw == "patients":
        turns = {"patients": patients, "area": slices.tumor_area()[known]}
    sampler = Sampler(has_tumor, group.batch_size, params.seed, share, **turns)
    weights = np.zeros(len(slices), "float32")
    weights[known] = balanced_weights(has_tumor)
    return batch_arrays(
        slices,
        lambda step: known[sampler(step)],
        with_masks=with_masks,
        soft=with_masks and group.soft_masks,
        neighbors=group.neighbors,
        thick=group.augment.thick,
        paster=_paster(params, slices, known[has_tumor]) if with_masks and group.paste else None,
        weights=weights if weighted else None,
    )


def _paster(params: Params, slices: Slices, donors: np.ndarray) -> Paster:
    group = params.segmenter
    around = slices.neighbor_indices(group.neighbors)
    return Paster(slices, donors, around, group.paste, params.seed, soft=group.soft_masks)
