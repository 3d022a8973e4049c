"""Training batches from any step on: slices are copied out of the cache while the device works."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.train.batch_arrays import batch_arrays
from components.train.pasting import Paster
from components.train.sampling import Sampler
from components.train.training_slices import Slices

Batches = Callable[[int], tf.data.Dataset]
MAX_STEPS = 2**62


def batches(
    slices: Slices,
    sampler: Sampler,
    *,
    with_masks: bool,
    soft: bool = False,
    neighbors: int = 0,
    thick: float = 0.0,
    paster: Paster | None = None,
    weights: np.ndarray | None = None,
) -> Batches:
    """Return a function from a first step to the endless batches from that step on.

    Args:
        slices, sampler, with_masks, soft, neighbors, thick, paster, weights: see `batch_arrays`.

    Returns:
        A function that returns datasets of (images, uint8; targets, float32) or (images, targets, weights).
    """
    gather = batch_arrays(
        slices,
        sampler,
        with_masks=with_masks,
        soft=soft,
        neighbors=neighbors,
        thick=thick,
        paster=paster,
        weights=weights,
    )
    size, channels = slices.images.shape[1], (2 * neighbors + 1) * slices.images.shape[3]

    def shaped(*values: tf.Tensor) -> tuple[tf.Tensor, ...]:
        shapes = [[None, size, size, channels], [None, size, size, 1] if with_masks else [None, 1], [None]]
        return tuple(tf.ensure_shape(value, shape) for value, shape in zip(values, shapes, strict=False))

    kinds = [tf.uint8, tf.float32] + ([] if weights is None else [tf.float32])

    def part_of(first: int, part: int, parts: int) -> tf.data.Dataset:
        return tf.data.Dataset.range(first, MAX_STEPS).map(
            lambda step: shaped(*tf.numpy_function(gather, [step, part, parts], kinds, stateful=False))
        )

    def start(first: int) -> tf.data.Dataset:
        strategy = tf.distribute.get_strategy()
        replicas = strategy.num_replicas_in_sync
        if replicas == 1:
            return part_of(first, 0, 1).prefetch(2)

        def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            """Return each replica's part of every batch, taking this worker's replicas in turn."""
            here = replicas // context.num_input_pipelines
            mine = range(context.input_pipeline_id * here, (context.input_pipeline_id + 1) * here)
            parts = tuple(part_of(first, part, replicas) for part in mine)
            choice = tf.data.Dataset.range(here).repeat()
            return tf.data.Dataset.choose_from_datasets(parts, choice).prefetch(2)

        return strategy.distribute_datasets_from_function(of_worker)

    return start
