"""A trained network as a LiteRT file: slices on its grid in, probabilities out, normalisation inside."""

from __future__ import annotations

import keras
import tensorflow as tf

from models.networks.compiled import compiled
from models.serving.fused import fuse_for_inference


def litert(network: keras.Model, *, batch: int = 1, half: bool = False) -> bytes:
    """Convert a network, rebuilt by `fuse_for_inference`.

    Args:
        network: a trained classifier or segmenter, of Keras' functional kind.
        batch: number of slices that the file takes at once: 2 for a model that also looks at the mirror image. It is
            fixed, because XNNPACK runs no part of a graph with variable shapes. A file for two takes as long for one.
        half: whether weights are stored in half precision, at half the size; computation is in single precision anyway.

    Returns:
        A LiteRT file that maps slices, uint8 [`batch`, size, size, channels], to the network's output, float32.

    Raises:
        ValueError: LiteRT can't convert the network.
    """
    network = fuse_for_inference(network)
    spec = tf.TensorSpec([batch, *network.input_shape[1:]], tf.uint8, name="slices")

    @compiled(input_signature=[spec])
    def predict(slices: tf.Tensor) -> tf.Tensor:
        return tf.cast(network(tf.cast(slices, tf.float32), training=False), tf.float32)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([predict.get_concrete_function()], network)
    converter.experimental_lower_to_saved_model = False  # by way of a SavedModel, TensorFlow 2.16 aborts at variables
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter's own kinds
        raise ValueError(f"{network.name}: LiteRT can't convert this network ({type(error).__name__})") from error
