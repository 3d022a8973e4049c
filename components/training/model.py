"""The model that is trained: a network, its augmentation, and what is measured on the way."""

from __future__ import annotations

from typing import Any

import keras

from models.augment import AugmentedModel, Augmenter


class MeasuredModel(AugmentedModel):
    """An augmented model with one metric of its training batches, unweighted.

    Its variables exist from the start, while those of `compile(metrics=...)` appear within the first step: too late
    to be restored, and under a distribution strategy to be made at all.
    """

    def __init__(
        self, network: keras.Model, augmenter: Augmenter, metric: keras.metrics.Metric, *, with_masks: bool
    ) -> None:
        super().__init__(network, augmenter, with_masks=with_masks)
        self.metric = metric

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metric; Keras has already updated the mean loss."""
        self.metric.update_state(y, y_pred)
        return self.get_metrics_result()
