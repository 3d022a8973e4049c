"""Training batches from any step on: slices are copied out of the cache while the device works."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from components.train.batch_arrays import BatchArrays

Batches = Callable[[int], tf.data.Dataset]
MAX_STEPS = 2**62


def batches(arrays: BatchArrays) -> Batches:
    """Return a function from a first step to the endless batches from that step on.

    Args:
        arrays: see `batch_arrays`; called from TensorFlow's threads.

    Returns:
        A function that returns datasets of what `arrays` returns.
    """
    sample = arrays(0, 0, 1)
    kinds = [array.dtype for array in sample]

    def shaped(*values: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tuple(
            tf.ensure_shape(value, [None, *array.shape[1:]]) for value, array in zip(values, sample, strict=True)
        )

    def part_of(first: int, part: int, parts: int) -> tf.data.Dataset:
        return tf.data.Dataset.range(first, MAX_STEPS).map(
            lambda step: shaped(*tf.numpy_function(arrays, [step, part, parts], kinds, stateful=False))
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
