"""A backbone like those of `keras.applications`, but quick to build and compile: five convolutions that halve the size.

Importing this module registers it as `Small`. Where a test doesn't depend on the backbone, the 86 layers of a MobileNet
would only take time. Real backbones are covered by the tests of the classifier and of its pre-trained weights.
"""

from __future__ import annotations

import keras
from keras.applications.mobilenet import preprocess_input  # noqa: F401 - must be in the module of the backbone

from models.networks.zoo import BACKBONES

WIDTHS = (8, 16, 32, 64, 128)
POOLINGS = {"avg": keras.layers.GlobalAveragePooling2D, "max": keras.layers.GlobalMaxPooling2D}


def Small(include_top=False, weights=None, input_shape=None, pooling=None):  # noqa: N802 - as Keras names them
    """Build the backbone; it never has a top."""
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
