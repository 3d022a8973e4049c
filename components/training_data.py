"""Input path of the trainings: TFRecord -> decode and resize once -> uint8 cache in memory -> shuffled batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from components.errors import UserError
from models import examples, preprocessing

READ_BATCH = 32


def cached_slices(patterns: Sequence[str], size: int) -> tf.data.Dataset:
    """Slices in the files' own order, decoded once and kept in memory as uint8.

    Args:
        patterns: file patterns of gzipped TFRecord files.
        size: side of the network's grid, pixels.

    Returns:
        Dataset of (image, uint8 [size, size, 3]; mask, uint8 {0, 1} [size, size, 1]; label, float32 {0, 1} [1]).
    """
    files = sorted(str(path) for pattern in patterns for path in tf.io.gfile.glob(pattern))
    if not files:
        raise UserError(f"{Path(patterns[0]).parent}: no TFRecord files; run `dvc repro convert`")

    def decode(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        images = preprocessing.to_grid(examples.parse_images(serialized), size)
        masks = preprocessing.mask_to_grid(examples.parse_masks(serialized), size)
        return tf.cast(images, tf.uint8), tf.cast(masks, tf.uint8), examples.parse_labels(serialized)

    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    slices = records.batch(READ_BATCH).map(decode, num_parallel_calls=tf.data.AUTOTUNE).unbatch().cache()
    return _counted(slices)


def _counted(slices: tf.data.Dataset) -> tf.data.Dataset:
    """Walk a cached dataset once, which fills its cache, so that it knows its length from then on."""
    length = slices.reduce(tf.constant(0, tf.int64), lambda n, *_: n + 1)
    return slices.apply(tf.data.experimental.assert_cardinality(length))


def classifier_batches(slices: tf.data.Dataset, batch: int, *, seed: int | None = None) -> tf.data.Dataset:
    """Batches of (image, label); with a seed shuffled anew each epoch, without one in the files' order."""
    pairs = slices.map(lambda image, mask, label: (image, label))
    if seed is not None:
        pairs = pairs.shuffle(len(slices), seed=seed)
    return pairs.batch(batch).prefetch(1)


def segmenter_batches(
    slices: tf.data.Dataset, batch: int, *, seed: int | None = None, tumor_share: float | None = None
) -> tf.data.Dataset:
    """Batches of (image, mask); with a seed shuffled and endless, without one in the files' order, once.

    Args:
        tumor_share: expected share of tumour slices; 1 gives tumour slices only, None leaves the data's own share.
    """

    def pairs(image: tf.Tensor, mask: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return image, mask

    if seed is None:
        return slices.map(pairs).batch(batch).prefetch(1)
    if tumor_share is None:
        return slices.map(pairs).shuffle(len(slices), seed=seed).repeat().batch(batch).prefetch(1)
    # Both kinds stay in their own cache: filtering the shared one would walk all slices for each epoch of few.
    kinds = [
        _counted(slices.filter(lambda image, mask, label, want=want: label[0] == want).map(pairs).cache())
        for want in (1.0, 0.0)
    ]
    shares = [tumor_share, 1.0 - tumor_share]
    for name, kind, share in zip(("with", "without"), kinds, shares, strict=True):
        if share and not len(kind):
            raise UserError(f"params.yaml: segmenter.tumor_share: no training slice {name} tumour; set it to null")
    endless = [kind.shuffle(max(1, len(kind)), seed=seed + n).repeat() for n, kind in enumerate(kinds)]
    mixed = tf.data.Dataset.sample_from_datasets(endless, shares, seed=seed)
    return mixed.batch(batch).prefetch(1)
