"""tf.Example, as `convert` writes it and every SavedModel reads it: the only place that defines the features."""

from __future__ import annotations

import tensorflow as tf

INTENSITIES = tuple(f"{statistic}_{channel}" for channel in ("pre", "flair", "post") for statistic in ("mean", "std"))

# Images are raw pixels: reading PNG would slow training down sixfold. Intensities are on the 0..255 scale.
FEATURES = {
    "patient": tf.io.FixedLenFeature([], tf.string),
    "site": tf.io.FixedLenFeature([], tf.string),
    "slice": tf.io.FixedLenFeature([], tf.int64),
    "height": tf.io.FixedLenFeature([], tf.int64),
    "width": tf.io.FixedLenFeature([], tf.int64),
    "image": tf.io.FixedLenFeature([], tf.string),  # uint8 [height, width, 3]
    # Images of the slices before, then after, as many as networks need: TFX's Evaluator sees one example at a time.
    "neighbors": tf.io.VarLenFeature(tf.string),
    "mask": tf.io.FixedLenFeature([], tf.string),  # uint8 {0, 1} [height, width]
    "has_tumor": tf.io.FixedLenFeature([], tf.int64),
    "tumor_pixels": tf.io.FixedLenFeature([], tf.int64),
    "missing_pre": tf.io.FixedLenFeature([], tf.int64),
    "missing_post": tf.io.FixedLenFeature([], tf.int64),
    **{name: tf.io.FixedLenFeature([], tf.float32) for name in INTENSITIES},
}


def encode_example(values: dict[str, object]) -> bytes:
    """Serialise one slice.

    Args:
        values: value of each of `FEATURES`, that of `neighbors` as a list.

    Raises:
        ValueError: a feature is missing, or unknown.
    """
    if set(values) != set(FEATURES):
        raise ValueError(f"an example needs exactly the features {sorted(FEATURES)}")
    features = {}
    for name in sorted(FEATURES):
        dtype, value = FEATURES[name].dtype, values[name]
        several = value if isinstance(value, list) else [value]
        if dtype == tf.string:
            data = [one.encode() if isinstance(one, str) else one for one in several]
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=data))
        elif dtype == tf.int64:
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=several))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=several))
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def _pixels(data: tf.Tensor, height: tf.Tensor, width: tf.Tensor, channels: int) -> tf.Tensor:
    """Decode raw pixels, strings of any shape `s`, to uint8 [*s, height, width, channels]."""
    decoded = tf.io.decode_raw(data, tf.uint8)
    shape = tf.concat([tf.shape(data, tf.int64), [height, width, channels]], axis=0)
    return tf.ensure_shape(tf.reshape(decoded, shape), [*data.shape, None, None, channels])


def _size(parsed: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Height and width shared by all images of a batch."""
    height, width = parsed["height"], parsed["width"]
    same = tf.reduce_all((height == height[0]) & (width == width[0]))
    with tf.control_dependencies([tf.debugging.Assert(same, ["slices of several sizes in one batch"])]):
        return tf.identity(height[0]), tf.identity(width[0])


def parse_images(serialized: tf.Tensor, neighbors: int = 0) -> tf.Tensor:
    """Parse serialised examples [batch] of one size to slices, uint8 [batch, height, width, 3 (2 neighbors + 1)].

    Args:
        neighbors: number of slices on either side of each slice along the channels, in the scan's order; the examples
            must hold exactly as many, but need no mask.
    """
    wanted = {name: FEATURES[name] for name in ("image", "height", "width")}
    if neighbors:
        wanted["neighbors"] = tf.io.FixedLenFeature([2 * neighbors], tf.string)
    parsed = tf.io.parse_example(serialized, wanted)
    height, width = _size(parsed)
    own = _pixels(parsed["image"], height, width, 3)
    if not neighbors:
        return own
    others = _pixels(parsed["neighbors"], height, width, 3)
    before, after = (tf.unstack(part, axis=1) for part in tf.split(others, 2, axis=1))
    return tf.concat([*before, own, *after], axis=-1)


def parse_masks(serialized: tf.Tensor) -> tf.Tensor:
    """Parse serialised examples [batch] of one size to reference masks, uint8 {0, 1} [batch, height, width, 1]."""
    parsed = tf.io.parse_example(serialized, {name: FEATURES[name] for name in ("mask", "height", "width")})
    return _pixels(parsed["mask"], *_size(parsed), 1)


def parse_patient(record: tf.Tensor) -> tf.Tensor:
    """Parse only the patient's name of one serialised example, a string."""
    return tf.io.parse_single_example(record, {"patient": FEATURES["patient"]})["patient"]


def parse_slice(record: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parse one serialised example to the parts that training reads.

    Reading one by one is twice as fast as in batches, and allows slices of several sizes.

    Returns:
        image, uint8 [height, width, 3]; mask, uint8 {0, 1} [height, width, 1]; patient, string []; slice and has_tumor,
        int64 [].
    """
    names = ("image", "mask", "height", "width", "patient", "slice", "has_tumor")
    parsed = tf.io.parse_single_example(record, {name: FEATURES[name] for name in names})
    height, width = parsed.pop("height"), parsed.pop("width")
    pictures = {name: _pixels(parsed[name], height, width, channels) for name, channels in (("image", 3), ("mask", 1))}
    return parsed | pictures
