"""Which slices make up which batch: a function of seed and step alone, so that training can start at any step."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from components.common.errors import UserError


@lru_cache(maxsize=8)
def _shuffled(count: int, seed: int, stream: int, turn: int) -> np.ndarray:
    return np.random.default_rng([seed, stream, turn]).permutation(count)


def shuffled_stream(count: int, positions: np.ndarray, seed: int, stream: int = 0) -> np.ndarray:
    """Return the indices at `positions` of an endless stream: 0 .. count - 1, reshuffled for every pass."""
    turns, places = np.divmod(positions, count)
    return np.array(
        [_shuffled(count, seed, stream, int(turn))[place] for turn, place in zip(turns, places, strict=True)]
    )


Stream = Callable[[np.ndarray], np.ndarray]


def each_slice(numbers: np.ndarray, seed: int, stream: int) -> Stream:
    """Return an endless stream of the slice indices `numbers`: each once per pass, in another order for every pass."""
    return lambda positions: numbers[shuffled_stream(len(numbers), positions, seed, stream)]


def each_patient(numbers: np.ndarray, patients: np.ndarray, area: np.ndarray, seed: int, stream: int) -> Stream:
    """Return an endless stream of slices that cycles through the patients, in another order for every cycle.

    A patient with many slices, or with a large tumour, is thus seen as often as any other. Within a patient, half of
    the probability is uniform over the slices, the other half proportional to their tumour area.

    Args:
        numbers: indices of the slices to draw from, int [slices].
        patients: patient of each of them, int [slices].
        area: tumour of each of them, pixels [slices].
        seed, stream: seed of the order.
    """
    groups = [(numbers[patients == one], area[patients == one]) for one in np.unique(patients)]
    shares = [(one, np.cumsum(size / max(size.sum(), 1) / 2 + 1 / len(one) / 2)) for one, size in groups]

    def drawn(positions: np.ndarray) -> np.ndarray:
        turns = shuffled_stream(len(shares), positions, seed, stream)
        places = [np.random.default_rng([seed, stream, 1, int(position)]).random() for position in positions]
        chosen = [
            (shares[turn][0], np.searchsorted(shares[turn][1] / shares[turn][1][-1], place, side="right"))
            for turn, place in zip(turns, places, strict=True)
        ]
        return np.array([one[at] for one, at in chosen], int)

    return drawn


class Sampler:
    """Batches of slice indices.

    Args:
        has_tumor: bool [slices].
        batch: slices per step.
        seed: seed of the order.
        tumor_share: fraction of tumour slices, which are spread evenly; 1 gives only tumour slices, None all slices as
            they come.
        patients: patient of each slice, int [slices], if patients take turns; by default, slices do.
        area: tumour of each slice, pixels [slices]; needed if patients take turns.

    Raises:
        UserError: a requested kind of slices is missing.
    """

    def __init__(
        self,
        has_tumor: np.ndarray,
        batch: int,
        seed: int,
        tumor_share: float | None = None,
        *,
        patients: np.ndarray | None = None,
        area: np.ndarray | None = None,
    ) -> None:
        self.batch, self.share = batch, tumor_share
        kinds = [np.flatnonzero(~has_tumor), np.flatnonzero(has_tumor)]
        if tumor_share is None:
            kinds = [np.arange(len(has_tumor))]
        else:
            for name, kind, share in zip(("without", "with"), kinds, (1 - tumor_share, tumor_share), strict=True):
                if share and not len(kind):
                    raise UserError(
                        f"params.yaml: tumor_share or imbalance asks for slices {name} tumour; there are none"
                    )
        if patients is None:
            self.streams = [each_slice(kind, seed, number) for number, kind in enumerate(kinds)]
        else:
            assert area is not None
            self.streams = [
                each_patient(kind, patients[kind], area[kind], seed, number) for number, kind in enumerate(kinds)
            ]

    def __call__(self, step: int) -> np.ndarray:
        """Indices of the slices of a step, int [batch]."""
        positions = np.arange(step * self.batch, (step + 1) * self.batch)
        if self.share is None:
            return self.streams[0](positions)
        # Of the first p slices, floor(share p) show tumour.
        before, after = (np.floor(self.share * p + 1e-9).astype(int) for p in (positions, positions + 1))
        numbers = np.empty(self.batch, int)
        for stream, at, wanted in zip(
            self.streams, (positions - before, before), (after == before, after > before), strict=True
        ):
            if wanted.any():
                numbers[wanted] = stream(at[wanted])
        return numbers
