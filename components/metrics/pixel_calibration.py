"""Calibration of mask pixels without storing them: one histogram per patient, which add up to that of all patients.

A data set has hundreds of millions of pixels. The bins have equal width in log odds, not in probability: 99 % of the
pixels have a probability near 0, where equal-width bins of probability would merge 1e-7 and 1e-3 and spoil the
temperature.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from components.common.files import read_json
from components.common.layout import PIXELS
from components.metrics.calibration import BINS, Tally, ece, table_of
from components.metrics.temperature import SMALLEST, logits, temperature

FINE_BINS = 1000  # bins of equal width in log odds
_EDGE = float(logits(1 - SMALLEST))


def _zeros() -> np.ndarray:
    return np.zeros(FINE_BINS)


@dataclass(frozen=True, eq=False)
class PixelCalibration:
    """Pixels counted by probability; `+` merges two, in any order, up to rounding in `predicted`.

    Attributes:
        count: pixels in each of `FINE_BINS` bins of log odds, -16.1 to 16.1.
        positives: those of them that are tumour in the reference.
        predicted: sum of their predicted probabilities, so that a bin's mean is exact.
    """

    count: np.ndarray = field(default_factory=_zeros)
    positives: np.ndarray = field(default_factory=_zeros)
    predicted: np.ndarray = field(default_factory=_zeros)

    @classmethod
    def of(cls, probabilities: np.ndarray, reference: np.ndarray) -> PixelCalibration:
        """Count a patient's pixels.

        Args:
            probabilities: 0..1, of any shape.
            reference: bool, of the same shape.

        Raises:
            ValueError: the shapes differ.
        """
        if probabilities.shape != reference.shape:
            raise ValueError(f"probabilities {probabilities.shape} and reference {reference.shape} differ in shape")
        flat = np.asarray(probabilities, float).ravel()
        place = np.clip(((logits(flat) + _EDGE) * (FINE_BINS / (2 * _EDGE))).astype(np.int64), 0, FINE_BINS - 1)
        return cls(
            np.bincount(place, minlength=FINE_BINS).astype(float),
            np.bincount(place[reference.ravel()], minlength=FINE_BINS).astype(float),
            np.bincount(place, flat, FINE_BINS),
        )

    def __add__(self, other: PixelCalibration) -> PixelCalibration:
        return PixelCalibration(
            self.count + other.count, self.positives + other.positives, self.predicted + other.predicted
        )

    @property
    def prevalence(self) -> float | None:
        """Share of tumour pixels, 0..1: also the ECE of a model that predicts 0 everywhere. None without pixels."""
        return float(self.positives.sum() / self.count.sum()) if self.count.any() else None

    def reliability(self, bins: int = BINS, lowest: float = 0.0) -> pd.DataFrame:
        """Table of `calibration.reliability`, bins of equal width, over pixels of probability `lowest` or more."""
        return table_of(self._tally(lowest), bins, "width")

    def ece(self, bins: int = BINS, lowest: float = 0.0) -> float | None:
        """ECE over pixels of probability `lowest` or more; None if there are none.

        Over all pixels the background drowns out the rest; with `lowest` = 0.01 only pixels count that the model
        considers possible tumour.
        """
        return ece(self.reliability(bins, lowest))

    def temperature(self) -> float:
        """Temperature of the pixels; 1 if they don't determine it, see `temperature.temperature`."""
        counted = self._tally()
        return temperature(
            np.tile(counted.probability, 2),
            np.repeat([True, False], len(counted.probability)),
            np.concatenate([counted.positives, counted.count - counted.positives]),
        )

    def _tally(self, lowest: float = 0.0) -> Tally:
        held = self.count > 0
        probability = self.predicted[held] / self.count[held]
        kept = probability >= lowest
        return Tally(probability[kept], self.count[held][kept], self.positives[held][kept])


def read_pixels(predictions: str | Path) -> PixelCalibration:
    """Read the counts of the test patients' pixels by probability: pixels.json, arrays [FINE_BINS].

    Args:
        predictions: folder written by `evaluate`.

    Raises:
        UserError: the file does not exist yet.
    """
    return PixelCalibration(**{name: np.array(v) for name, v in read_json(Path(predictions) / PIXELS).items()})
