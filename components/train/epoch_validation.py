"""The quality of a network on the validation patients, after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from components.common.errors import UserError
from components.train.training_slices import Slices
from models.networks.compiled import compiled

MONITORED = {"classifier": "val_auroc", "segmenter": "val_volume_dice"}


class Validator:
    """Scores of a network on all validation slices.

    Args:
        network: network to score; never changed.
        slices: slices of the validation patients.
        with_masks: whether the network predicts masks; else it gives one probability per slice.
        loss: function of (targets, predictions).
        batch: number of slices per batch.
        neighbors: number of slices on either side that the network sees.
        xla: whether to compile the network with XLA.
        check: function called after each batch; an exception from it ends the validation.

    Raises:
        UserError: the score would be undefined because slices of a kind are missing.
    """

    def __init__(
        self,
        network: keras.Model,
        slices: Slices,
        *,
        with_masks: bool,
        loss: Callable[[Any, Any], Any],
        batch: int,
        neighbors: int,
        xla: bool,
        check: Callable[[], None],
    ) -> None:
        if not slices.has_tumor.any() or (not with_masks and slices.has_tumor.all()):
            raise UserError(
                "data/splits.csv: the validation patients lack slices with or without tumour; raise split.val"
            )
        self.slices, self.with_masks, self.loss, self.batch, self.check = slices, with_masks, loss, batch, check
        self.neighbor_indices = slices.neighbor_indices(neighbors)
        self.predict = compiled(lambda images: network(images, training=False), jit_compile=xla, reduce_retracing=True)

    def __call__(self) -> dict[str, float]:
        """Return val_loss, and val_auroc (over slices) or val_volume_dice (mean over patients with tumour, at 0.5)."""
        slices, losses, found = self.slices, [], []
        overlap, total, reference = (np.zeros(slices.patients.max() + 1) for _ in range(3))
        for start in range(0, len(slices), self.batch):
            self.check()
            numbers = np.arange(start, min(start + self.batch, len(slices)))
            predicted = self.predict(tf.constant(slices.take_images(self.neighbor_indices[numbers])))
            if self.with_masks:
                masks = slices.take_masks(numbers)
                targets = tf.constant(masks)
                mask, patients = predicted.numpy() >= 0.5, slices.patients[numbers]
                for sums, pixels in ((overlap, mask & (masks > 0)), (total, mask), (reference, masks)):
                    np.add.at(sums, patients, pixels.sum(axis=(1, 2, 3), dtype=float))
            else:
                targets = tf.constant(slices.has_tumor[numbers, None], tf.float32)
                found.append(predicted.numpy()[:, 0])
            losses.append(float(tf.reduce_mean(self.loss(targets, predicted))) * len(numbers))
        scores = {"val_loss": sum(losses) / len(slices)}
        if self.with_masks:
            with_tumor = reference > 0
            return scores | {
                "val_volume_dice": float((2 * overlap / np.maximum(1, total + reference))[with_tumor].mean())
            }
        probabilities = np.concatenate(found)
        if not np.isfinite(probabilities).all():
            return scores | {"val_auroc": float("nan")}
        return scores | {"val_auroc": float(roc_auc_score(slices.has_tumor, probabilities))}
