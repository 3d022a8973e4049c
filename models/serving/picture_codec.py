"""Encoded images inside the graph: the client's input, and the returned masks."""

from __future__ import annotations

import tensorflow as tf


def spec(neighbors: int) -> tf.TensorSpec:
    """Encoded slices: [batch], or [batch, 2 neighbors + 1] if a model sees the slices on either side, in order."""
    return tf.TensorSpec([None, 2 * neighbors + 1] if neighbors else [None], tf.string, name="slices")


def decode(encoded: tf.Tensor, neighbors: int) -> tf.Tensor:
    """Decode PNG or JPEG files of one size, shaped as in `spec`, to uint8 [batch, height, width, 3 (2 neighbors + 1)].

    Red, green and blue are pre-contrast, FLAIR and post-contrast.
    """
    around = 2 * neighbors + 1
    images = tf.map_fn(
        _decode_one, tf.reshape(encoded, [-1]), fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8)
    )
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    grouped = tf.reshape(images, [-1, around, height, width, 3])
    return tf.reshape(tf.transpose(grouped, [0, 2, 3, 1, 4]), [-1, height, width, 3 * around])


def _decode_one(data: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(data, channels=3, expand_animations=False)


def encode_masks(masks: tf.Tensor) -> tf.Tensor:
    """Encode masks, uint8 {0, 1} [batch, height, width], as PNG files of 0 and 255, string [batch]."""
    return tf.map_fn(lambda mask: tf.io.encode_png(255 * mask[..., None]), masks, fn_output_signature=tf.string)
