"""Encoded images inside the graph: the client's input, and the returned masks."""

from __future__ import annotations

import tensorflow as tf

PNG = b"\x89PNG\r\n\x1a\n"
HEADER = 26  # bytes of a PNG that end with its bit depth and its colour type
RGB_OF_8_BITS = b"\x08\x02"


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
    # The decoder would keep only the high byte of 16 bits, repeat grey, and drop transparency.
    header = tf.strings.substr(data, 0, HEADER) + HEADER * b"\0"  # long enough even of a damaged file
    is_png = tf.strings.substr(header, 0, len(PNG)) == PNG
    is_rgb = tf.strings.substr(header, HEADER - 2, 2) == RGB_OF_8_BITS
    check = tf.debugging.Assert(~is_png | is_rgb, ["a PNG has to be RGB, with 8 bits a colour"])
    with tf.control_dependencies([check]):
        pixels = tf.io.decode_image(data, expand_animations=False)
    return tf.ensure_shape(pixels, [None, None, 3])


def encode_masks(masks: tf.Tensor) -> tf.Tensor:
    """Encode masks, uint8 {0, 1} [batch, height, width], as PNG files of 0 and 255, string [batch]."""
    return tf.map_fn(lambda mask: tf.io.encode_png(255 * mask[..., None]), masks, fn_output_signature=tf.string)
