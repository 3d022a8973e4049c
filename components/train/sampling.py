"""Which slices make up which batch: a function of seed and step alone, so that training can start at any step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from components.common.errors import UserError


@lru_cache(maxsize=8)
def _shuffled(count: int, seed: int, stream: int, turn: int) -> np.ndarray:
    return np.random.default_rng([seed, stream, turn]).permutation(count)


def shuffled_stream(count: int, positions: np.ndarray, seed: int, stream: int = 0) -> np.ndarray:
    """Return the numbers at `positions` of an endless stream: 0 .. count - 1, reshuffled for every pass."""
    turns, places = np.divmod(positions, count)
    return np.array(
        [_shuffled(count, seed, stream, int(turn))[place] for turn, place in zip(turns, places, strict=True)]
    )


class Sampler:
    """Batches of slice numbers.

    Args:
        has_tumor: bool [slices].
        batch: slices per step.
        seed: seed of the order.
        tumor_share: share of tumour slices, which are spread evenly; 1 gives only tumour slices, None all slices as
            they come, each once per epoch.

    Raises:
        UserError: a requested kind of slices is missing.
    """

    def __init__(self, has_tumor: np.ndarray, batch: int, seed: int, tumor_share: float | None = None) -> None:
        self.batch, self.seed, self.share = batch, seed, tumor_share
        self.kinds = [np.flatnonzero(~has_tumor), np.flatnonzero(has_tumor)]
        if tumor_share is None:
            self.kinds = [np.arange(len(has_tumor))]
            return
        for name, kind, share in zip(("without", "with"), self.kinds, (1 - tumor_share, tumor_share), strict=True):
            if share and not len(kind):
                raise UserError(f"params.yaml: tumor_share or imbalance asks for slices {name} tumour; there are none")

    def __call__(self, step: int) -> np.ndarray:
        """Numbers of the slices of a step, int [batch]."""
        positions = np.arange(step * self.batch, (step + 1) * self.batch)
        if self.share is None:
            return shuffled_stream(len(self.kinds[0]), positions, self.seed)
        # Of the first p slices, floor(share p) show tumour.
        before, after = (np.floor(self.share * p + 1e-9).astype(int) for p in (positions, positions + 1))
        numbers = np.empty(self.batch, int)
        for stream, (kind, at, wanted) in enumerate(
            zip(self.kinds, (positions - before, before), (after == before, after > before), strict=True)
        ):
            if wanted.any():
                numbers[wanted] = kind[shuffled_stream(len(kind), at[wanted], self.seed, stream)]
        return numbers
