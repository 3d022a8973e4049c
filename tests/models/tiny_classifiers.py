"""A classifier small enough to train in a test, and its parts: the trunk is the backbone."""

from __future__ import annotations

import keras
import numpy as np
from small_backbone import Small

from models.networks.classifier import classifier


def tiny_classifier(strategy: str = "finetune", **arguments: object) -> keras.Model:
    arguments = {"weights": "none", "size": 32, "pooling": "max", "seed": 1} | arguments
    return classifier(Small.__name__, strategy=strategy, **arguments)


def trunk(network: keras.Model) -> keras.Model:
    (found,) = [layer for layer in network.layers if isinstance(layer, keras.Model)]
    return found


def values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


def noise(batch: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (batch, 32, 32, 3)).astype("float32")


def batch_norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [layer for layer in trunk(network).layers if isinstance(layer, keras.layers.BatchNormalization)]
