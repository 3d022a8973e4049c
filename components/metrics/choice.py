"""Choose the 3-D processing on validation patients, one patient at a time.

Components below a size are removed, if that is sure to help: the gain has to exceed its standard error over persons,
each with the gains of all examinations summed, and no patient may lose the whole tumour. Otherwise nothing is done,
because the few patients of a validation favour large sizes by chance, and another patient's only finding is then
removed (docs/results.md). For the same reason a quarter of a millilitre is the most, and keeping only the largest
component, as is customary for this data, is not a candidate: if a false blob outgrows the tumour, the patient loses
all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from components.metrics.components3d import Processing, label_components
from components.metrics.surface import Spacing

# From the least processing to the most: the first of the best wins.
CANDIDATES = tuple(Processing(min_ml=min_ml) for min_ml in (0.0, 0.05, 0.1, 0.25))


def candidate_dice(reference: np.ndarray, prediction: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Volume Dice, 0..1 [len(CANDIDATES)], of a patient after each processing; the reference must not be empty.

    The components are labelled once; their sizes and overlaps give every candidate's Dice.
    """
    labels, sizes = label_components(prediction)
    overlaps = np.bincount(labels[reference], minlength=len(sizes) + 1)[1:]
    kept = np.array([candidate.keeps(sizes, spacing) for candidate in CANDIDATES], float)
    return 2 * kept @ overlaps / (int(reference.sum()) + kept @ sizes)


@dataclass(frozen=True, eq=False)
class Choice:
    """Evidence about each of `CANDIDATES` from the patients so far; `+` merges two.

    Attributes:
        patients: number of patients with a tumour in the reference; others say nothing about volume Dice.
        total: sum of their volume Dice [candidates].
        lost: number of them that score 0 [candidates].
        squares: sum over persons of the squared gain in volume Dice over no processing, summed first over a person's
            examinations [candidates].
        persons: number of persons whose examinations they are.
    """

    patients: int = 0
    total: np.ndarray = field(default_factory=lambda: np.zeros(len(CANDIDATES)))
    lost: np.ndarray = field(default_factory=lambda: np.zeros(len(CANDIDATES), int))
    squares: np.ndarray = field(default_factory=lambda: np.zeros(len(CANDIDATES)))
    persons: int = 0

    @classmethod
    def of(cls, reference: np.ndarray, prediction: np.ndarray, spacing: Spacing) -> Choice:
        """One patient's evidence: bool masks [slices, height, width], millimetres between (slices, rows, columns)."""
        if not reference.any():
            return cls()
        dice = candidate_dice(reference, prediction, spacing)
        return cls(1, dice, (dice == 0).astype(int), (dice - dice[0]) ** 2, 1)

    @classmethod
    def of_person(cls, examinations: Iterable[Choice]) -> Choice:
        """The evidence of all examinations of one person, which says no more about chance than that of one."""
        merged = sum(examinations, cls())
        gain = merged.total - merged.total[0]
        return replace(merged, squares=gain**2, persons=min(1, merged.patients))

    def __add__(self, other: Choice) -> Choice:
        return Choice(
            self.patients + other.patients,
            self.total + other.total,
            self.lost + other.lost,
            self.squares + other.squares,
            self.persons + other.persons,
        )

    def best(self) -> Processing:
        """The candidate with the highest mean volume Dice among those that are sure to help, the least among ties."""
        persons = max(self.persons, 1)
        gain = (self.total - self.total[0]) / persons
        variance = np.maximum(self.squares / persons - gain**2, 0.0)
        error = np.sqrt(variance / max(persons - 1, 1))
        # Sums in a different order differ in the last digits, which must not decide. Nor must a single person, because
        # that gain has no standard error.
        helps = (gain > error * (1 + 1e-9)) & (self.lost <= self.lost[0]) & (self.persons > 1)
        gain = np.where(helps, gain, 0.0)
        return CANDIDATES[int(np.flatnonzero(gain >= gain.max() - 1e-9)[0])]

    def table(self) -> pd.DataFrame:
        """The evidence, one row per candidate: largest, min_ml, volume_dice_mean, patients_at_zero, patients."""
        return pd.DataFrame(
            {
                "largest": [candidate.largest for candidate in CANDIDATES],
                "min_ml": [candidate.min_ml for candidate in CANDIDATES],
                "volume_dice_mean": self.total / self.patients if self.patients else np.nan,
                "patients_at_zero": self.lost,
                "patients": self.patients,
            }
        )
