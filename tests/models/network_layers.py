"""The layers of a network, by their kind."""

from __future__ import annotations

import keras


def layers(network: keras.Model, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if isinstance(layer, kind)]
