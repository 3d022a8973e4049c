"""Choose the 3-D processing on validation patients, one patient at a time.

Components below a size are removed. Keeping only the largest, as is customary for this data, is no candidate: if a
false blob outgrows the tumour, the patient loses all of it, and so few patients show that that validation can favour
it nevertheless (docs/results.md: one fold of five did, and lost a patient). Doing nothing wins ties.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from components.metrics.components3d import Processing, label_components
from components.metrics.surface import Spacing

# From the least processing to the most: the first of the best wins.
CANDIDATES = tuple(Processing(min_ml=min_ml) for min_ml in (0.0, 0.05, 0.1, 0.25, 0.5, 1.0))


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
    """

    patients: int = 0
    total: np.ndarray = field(default_factory=lambda: np.zeros(len(CANDIDATES)))
    lost: np.ndarray = field(default_factory=lambda: np.zeros(len(CANDIDATES), int))

    @classmethod
    def of(cls, reference: np.ndarray, prediction: np.ndarray, spacing: Spacing) -> Choice:
        """One patient's evidence: bool masks [slices, height, width], millimetres between (slices, rows, columns)."""
        if not reference.any():
            return cls()
        dice = candidate_dice(reference, prediction, spacing)
        return cls(1, dice, (dice == 0).astype(int))

    def __add__(self, other: Choice) -> Choice:
        return Choice(self.patients + other.patients, self.total + other.total, self.lost + other.lost)

    def best(self) -> Processing:
        """The candidate with the highest mean volume Dice; the least processing among ties, and without patients."""
        # Sums in a different order differ in the last digits, which must not decide.
        return CANDIDATES[int(np.flatnonzero(self.total >= self.total.max() - 1e-9 * max(self.patients, 1))[0])]

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
