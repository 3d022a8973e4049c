"""A backbone like those of `keras.applications`, but soon built and compiled: five convolutions that halve the side.

Importing this adds it to them, as `Small`. Where tests ask what our code does to any backbone, a MobileNet's 86 layers
only take long. That real ones fit is what the tests of the classifier and of its pre-trained weights ask.
"""

from __future__ import annotations

import keras
from keras.applications.mobilenet import preprocess_input  # noqa: F401 - looked for in the module that defines a backbone

from models.networks.zoo import BACKBONES

WIDTHS = (8, 16, 32, 64, 128)
POOLINGS = {"avg": keras.layers.GlobalAveragePooling2D, "max": keras.layers.GlobalMaxPooling2D}


def Small(include_top=False, weights=None, input_shape=None, pooling=None):  # noqa: N802 - as Keras names them
    """Build it without a top, which it has none of."""
    pixels = x = keras.Input(input_shape)
    for number, width in enumerate(WIDTHS, start=1):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = keras.layers.BatchNormalization(name=f"conv{number}_bn")(x)
        x = keras.layers.ReLU(name=f"conv{number}_relu")(x)
    network = keras.Model(pixels, POOLINGS[pooling]()(x) if pooling else x, name="small")
    if weights:
        network.load_weights(weights)
    return network


BACKBONES["Small"] = Small
