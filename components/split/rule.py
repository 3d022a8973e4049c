"""How to split, and the hashes that identify a way of splitting in the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

FOLDS = range(2, 101)  # valid values of `folds`


@dataclass(frozen=True)
class SplitRule:
    """How to split.

    Attributes:
        val, test: fractions of the patients, each in (0, 1), together below 1. Every split gets at least one patient.
        folds: number of folds, numbered from 0.
        seed: seed of the split.
        fold: fold to test on, instead of a fraction.
        holdout_sites: sites to test on, instead of a fraction.
        file: CSV to take the splits from, with the columns patient, split and, optionally, fold.
    """

    val: float
    test: float
    folds: int
    seed: int
    fold: int | None = None
    holdout_sites: Sequence[str] = ()
    file: str | None = None

    @property
    def recipe(self) -> str:
        """Three hashes: of what decides the splits, the folds, and the test patients.

        A person keeps what the same hash assigned before. Each hash covers only the parameters that matter to it:
        changing the number of folds moves nobody to another split.
        """
        splits = ("file", self.file) if self.file else (self.val, *self._tested)
        parts = (splits, (self.seed, self.folds, self.file), self._tested)
        return "-".join(text_hash(part)[:8] for part in parts)

    @property
    def _tested(self) -> tuple[Any, ...]:
        if self.file:
            return ("file", self.file)
        if self.fold is not None:
            return ("fold", self.seed, self.folds, self.fold)
        if self.holdout_sites:
            return ("sites", self.seed, *sorted(set(self.holdout_sites)))
        return ("share", self.seed, self.test)

    def part(self, number: int) -> str:
        """One hash of the recipe: 0 of the splits, 1 of the folds, 2 of the test patients."""
        return self.recipe.split("-")[number]

    @property
    def older(self) -> list[str]:
        """Hashes of the splits in older ledgers, most trusted last: they used to include `folds`."""
        chosen = asdict(self) | {"holdout_sites": sorted(self.holdout_sites)}
        counts = [self.folds] if self.fold is not None else [*sorted(set(FOLDS) - {self.folds}), self.folds]
        return [text_hash(sorted((chosen | {"folds": folds}).items()))[:8] for folds in counts]


def text_hash(value: object) -> str:
    """SHA-256 of a value written as text, hexadecimal."""
    return hashlib.sha256(str(value).encode()).hexdigest()
