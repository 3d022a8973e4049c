"""Dice as a TFMA metric: pixel counts from the segmenter's `evaluate` signature, pooled over a slice of the data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma


class PooledDice(tfma.metrics.Metric):
    """2 x intersection / (predicted + reference), in pixels, pooled over all examples; 1 if both are empty."""

    def __init__(self, name: str = "pooled_dice") -> None:
        super().__init__(_computations, name=name)


def _computations(name: str, model_names: Iterable[str] = ("",), **_: Any) -> list[tfma.metrics.MetricComputation]:
    return [
        tfma.metrics.MetricComputation(keys=[key], preprocessors=None, combiner=_PoolCounts(key))
        for key in (tfma.metrics.MetricKey(name=name, model_name=model) for model in model_names)
    ]


class _PoolCounts(beam.CombineFn):
    """Sum the counts of many examples; the accumulator is [intersection, predicted + reference]."""

    def __init__(self, key: tfma.metrics.MetricKey) -> None:
        self.key = key

    def create_accumulator(self) -> np.ndarray:
        return np.zeros(2)

    def add_input(self, accumulator: np.ndarray, element: Any) -> np.ndarray:
        counts = element.get_predictions(self.key.model_name)
        intersection, predicted, reference = (
            float(np.sum(counts[name])) for name in ("intersection", "predicted", "reference")
        )
        return accumulator + np.array([intersection, predicted + reference])

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        return np.sum(list(accumulators), axis=0)

    def extract_output(self, accumulator: np.ndarray) -> dict[tfma.metrics.MetricKey, float]:
        intersection, total = accumulator
        return {self.key: float(2 * intersection / total) if total else 1.0}
