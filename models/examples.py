"""tf.Example, as `convert` writes it and as every SavedModel reads it: the one place that knows the features."""

from __future__ import annotations

import tensorflow as tf

INTENSITIES = tuple(f"{statistic}_{channel}" for channel in ("pre", "flair", "post") for statistic in ("mean", "std"))

# Everything the anomaly check sees. Pictures are PNG; intensities are of the 0..255 scale.
FEATURES = {
    "scan": tf.io.FixedLenFeature([], tf.string),
    "patient": tf.io.FixedLenFeature([], tf.string),
    "site": tf.io.FixedLenFeature([], tf.string),
    "slice": tf.io.FixedLenFeature([], tf.int64),
    "image": tf.io.FixedLenFeature([], tf.string),
    "mask": tf.io.FixedLenFeature([], tf.string),
    "has_tumor": tf.io.FixedLenFeature([], tf.int64),
    "tumor_pixels": tf.io.FixedLenFeature([], tf.int64),
    "missing_pre": tf.io.FixedLenFeature([], tf.int64),
    "missing_post": tf.io.FixedLenFeature([], tf.int64),
    **{name: tf.io.FixedLenFeature([], tf.float32) for name in INTENSITIES},
}


def encode_example(values: dict[str, object]) -> bytes:
    """Serialise one slice; `values` must hold exactly `FEATURES`."""
    if set(values) != set(FEATURES):
        raise ValueError(f"an example needs exactly the features {sorted(FEATURES)}")
    features = {}
    for name in sorted(FEATURES):
        value, dtype = values[name], FEATURES[name].dtype
        if dtype == tf.string:
            data = value.encode() if isinstance(value, str) else value
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))
        elif dtype == tf.int64:
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def decode_png(pictures: tf.Tensor, channels: int) -> tf.Tensor:
    """Decode PNG bytes [batch] to uint8 [batch, height, width, channels]; all pictures of a batch share one size."""
    decoded = tf.map_fn(
        lambda png: tf.io.decode_png(png, channels=channels),
        pictures,
        fn_output_signature=tf.TensorSpec([None, None, channels], tf.uint8),
    )
    return tf.ensure_shape(decoded, [None, None, None, channels])


def parse_images(serialized: tf.Tensor) -> tf.Tensor:
    """Serialised examples [batch] to slices, uint8 [batch, height, width, 3]. Needs no mask in them."""
    parsed = tf.io.parse_example(serialized, {"image": FEATURES["image"]})
    return decode_png(parsed["image"], channels=3)


def parse_masks(serialized: tf.Tensor) -> tf.Tensor:
    """Serialised examples [batch] to reference masks, uint8 {0, 1} [batch, height, width, 1]."""
    parsed = tf.io.parse_example(serialized, {"mask": FEATURES["mask"]})
    return decode_png(parsed["mask"], channels=1) // 255


def parse_labels(serialized: tf.Tensor) -> tf.Tensor:
    """Serialised examples [batch] to labels, float32 {0, 1} [batch, 1]: does the slice show tumour?"""
    parsed = tf.io.parse_example(serialized, {"has_tumor": FEATURES["has_tumor"]})
    return tf.cast(parsed["has_tumor"], tf.float32)[:, tf.newaxis]
