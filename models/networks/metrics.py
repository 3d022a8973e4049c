"""Metrics for training."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class PooledDice(keras.metrics.Metric):
    """Dice over all pixels since the reset, pooled: 2 TP / (2 TP + FN + FP) at a threshold; 1 if everything is empty.

    Pooling gives large tumours more weight; evaluation measures volume Dice per patient.
    """

    def __init__(self, threshold: float = 0.5, name: str = "pooled_dice", **kwargs: Any) -> None:
        super().__init__(name=name, dtype="float32", **kwargs)
        self.threshold = threshold
        self.overlap = self.add_weight(name="overlap", initializer="zeros")
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch: reference, 0..1, and tumour probability of the same shape; weights are ignored."""
        y_true = ops.cast(y_true >= self.threshold, "float32")
        y_pred = ops.cast(y_pred >= self.threshold, "float32")
        self.overlap.assign_add(2.0 * ops.sum(y_true * y_pred))
        self.total.assign_add(ops.sum(y_true) + ops.sum(y_pred))

    def result(self) -> Any:
        """Dice, 0..1."""
        return ops.where(self.total > 0, self.overlap / ops.maximum(self.total, 1.0), 1.0)
