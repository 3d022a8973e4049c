"""Training batches from any step on: slices are copied out of the cache while the device works."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.train.pasting import Paster
from components.train.sampling import Sampler
from components.train.training_slices import Slices

Batches = Callable[[int], tf.data.Dataset]
MAX_STEPS = 2**62


def balanced_weights(has_tumor: np.ndarray) -> np.ndarray:
    """Weights that give both kinds of slices the same total, float32 [slices], 1 on average."""
    share = has_tumor.mean()
    if share in (0, 1):
        return np.ones(len(has_tumor), "float32")
    return np.where(has_tumor, 0.5 / share, 0.5 / (1 - share)).astype("float32")


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
        slices: slices to draw from.
        sampler: choice of the slices of each step.
        with_masks: whether targets are masks, [batch, size, size, 1]; else they are labels, {0, 1} [batch, 1].
        soft: whether masks hold the tumour fraction of each pixel, 0..1; else they are {0, 1}.
        neighbors: number of slices on either side along the channels.
        thick: probability that a slice's neighbours are taken from twice as far, as in a scan of thicker slices.
        paster: paster of tumours into slices without one; None for none.
        weights: weight of each slice; None for none.

    Returns:
        A function that returns datasets of (images, uint8; targets, float32) or (images, targets, weights).
    """
    around = slices.neighbor_indices(neighbors)
    further = slices.neighbor_indices(2 * neighbors)[:, ::2]
    size, channels = slices.images.shape[1], around.shape[1] * slices.images.shape[3]

    def gather(step: np.int64, part: np.int64, parts: np.int64) -> tuple[np.ndarray, ...]:
        numbers = np.split(sampler(int(step)), parts)[part]
        labels = slices.has_tumor[numbers].astype("float32")[:, None]
        targets = slices.take_masks(numbers, soft=soft) if with_masks else labels
        drawn = np.random.default_rng([int(step), int(part), 7]).random((len(numbers), 1)) < thick
        found = (slices.take_images(np.where(drawn, further[numbers], around[numbers])), targets)
        if paster:
            paster(numbers, *found, int(step) * int(parts) + int(part))
        return found if weights is None else (*found, weights[numbers])

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
