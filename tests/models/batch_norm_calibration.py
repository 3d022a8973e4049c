"""Give untrained networks outputs that differ from slice to slice, like those of trained ones."""

from __future__ import annotations

import keras
import numpy as np


def calibrate_batch_norms(network: keras.Model, low: float, high: float, seed: int) -> None:
    """Give batch normalisations statistics that fit images of `low` to `high` and differ from those of any batch.

    Without this, the signal fades in a deep random network, and its outputs are the same for all slices.
    """
    random = np.random.default_rng(seed)
    coarse = random.uniform(low, high, (48, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
    images = coarse + random.uniform(-0.2, 0.2, coarse.shape) * (high - low)
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momentums = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    network(images, training=True)
    for norm, momentum in zip(norms, momentums, strict=True):
        norm.momentum = momentum
        mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
        norm.moving_mean.assign(mean + random.normal(0.0, 0.1, mean.shape) * np.sqrt(variance))
        norm.moving_variance.assign(variance * random.uniform(0.8, 1.25, variance.shape))
        norm.gamma.assign(random.uniform(0.8, 1.25, variance.shape))
        norm.beta.assign(random.normal(0.0, 0.1, variance.shape))
