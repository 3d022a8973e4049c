"""Losses as numbers, and the same losses computed with scikit-learn."""

from __future__ import annotations

import keras
import numpy as np
from sklearn.metrics import fbeta_score, log_loss

from models.networks import losses

NAMES = ["focal_tversky", "tversky", "dice", "dice_crossentropy", "crossentropy", "weighted_crossentropy"]


def loss_value(loss: str, reference: object, prediction: object) -> float:
    value = losses.LOSSES[loss](np.asarray(reference, "float32"), np.asarray(prediction, "float32"))
    assert keras.ops.dtype(value) == "float32"
    assert value.shape == ()
    return float(value)


def loss_by_scikit_learn(loss: str, reference: np.ndarray, prediction: np.ndarray) -> float:
    """The same losses from scikit-learn's F-beta and log loss, in float64.

    A pixel of probability p counts as two samples: predicted tumour with weight p, background with 1 - p. F-beta equals
    the Tversky index if beta squared is alpha / (1 - alpha). The smoothing is one extra true positive.
    """
    reference, prediction = reference.ravel().astype(float), prediction.ravel().astype(float)
    truth, predicted = np.r_[reference, reference, 1], np.r_[np.ones_like(reference), np.zeros_like(reference), 1]
    weights = np.r_[prediction, 1 - prediction, losses.SMOOTH]

    def overlap_cost(alpha: float) -> float:
        return 1 - fbeta_score(truth, predicted, beta=np.sqrt(alpha / (1 - alpha)), sample_weight=weights)

    def entropy(weight: float) -> float:
        weights = np.where(reference == 1, weight, 1.0)
        cost = log_loss(reference, np.c_[1 - prediction, prediction], sample_weight=weights, labels=[0, 1])
        return cost * weights.mean()

    return {
        "tversky": lambda: overlap_cost(0.7),
        "focal_tversky": lambda: overlap_cost(0.7) ** 0.75,
        "dice": lambda: overlap_cost(0.5),
        "crossentropy": lambda: entropy(1.0),
        "weighted_crossentropy": lambda: entropy(10.0),
        "dice_crossentropy": lambda: overlap_cost(0.5) + entropy(1.0),
    }[loss]()


def masks_and_predictions(tumour: float, *, side: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Masks in which a share of the pixels is tumour, and noisy predictions that correlate with them."""
    random = np.random.default_rng(5)
    masks = (random.uniform(size=(2, side, side, 1)) < tumour).astype("float32")
    return masks, np.clip(0.2 * masks + random.uniform(0.05, 0.75, masks.shape), 0, 1).astype("float32")
