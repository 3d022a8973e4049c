"""The layers of a given kind in a network."""

from __future__ import annotations

import keras


def layers(network: keras.Model, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if isinstance(layer, kind)]
