"""Contents of training batches: slices, targets, weights and neighbours."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_training import few_slices

from components.train.batch_arrays import balanced_weights, batch_arrays
from components.train.batches import batches
from components.train.sampling import Sampler

SLICES = few_slices()
KINDS = [
    {"with_masks": True},
    {"with_masks": False},
    {"with_masks": True, "neighbors": 2},
    {"with_masks": False, "weights": np.arange(len(SLICES), dtype="float32")},
]


def take_batches(count, first=0, batch=4, **kind):
    """The given number of batches, beginning at step `first`."""
    stream = batches(batch_arrays(SLICES, Sampler(SLICES.has_tumor, batch, seed=1), **kind))(first)
    return [[part.numpy() for part in found] for found in islice(stream, count)]


@pytest.mark.parametrize("kind", KINDS, ids=["masks", "labels", "neighbours", "weights"])
def test_batches_from_a_later_step_equal_the_tail_of_all_batches(kind):
    whole, tail = take_batches(9, **kind), take_batches(4, first=5, **kind)
    for one, other in zip(whole[5:], tail, strict=True):
        for mine, others in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, others)


@pytest.mark.parametrize("kind", KINDS, ids=["masks", "labels", "neighbours", "weights"])
def test_a_batch_holds_the_sampled_slices_and_their_targets(kind):
    sampler = Sampler(SLICES.has_tumor, 4, seed=1)
    for step, (images, targets, *weights) in enumerate(take_batches(6, **kind)):
        numbers = sampler(step)
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(
            images, SLICES.take_images(SLICES.neighbor_indices(kind.get("neighbors", 0))[numbers])
        )
        assert targets.dtype == np.float32
        if kind["with_masks"]:
            np.testing.assert_array_equal(targets, SLICES.masks[numbers] / 255)
        else:
            np.testing.assert_array_equal(targets[:, 0], SLICES.has_tumor[numbers])
        expected = [kind["weights"][numbers]] if "weights" in kind else []
        np.testing.assert_array_equal(weights, expected)


def test_shapes_and_types_are_known_before_the_first_batch():
    stream = batches(batch_arrays(SLICES, Sampler(SLICES.has_tumor, 4, seed=1), with_masks=True, neighbors=1))(0)
    assert [spec.shape.as_list() for spec in stream.element_spec] == [[None, 32, 32, 9], [None, 32, 32, 1]]
    assert [spec.dtype for spec in stream.element_spec] == [tf.uint8, tf.float32]


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=200).map(np.array))
def test_balanced_weights_give_both_kinds_the_same_total(has_tumor):
    weights = balanced_weights(has_tumor)
    assert weights.dtype == np.float32
    assert weights.mean() == pytest.approx(1, rel=1e-5)
    if has_tumor.any() and not has_tumor.all():
        assert weights[has_tumor].sum() == pytest.approx(weights[~has_tumor].sum(), rel=1e-5)
        assert len(set(weights[has_tumor])) == len(set(weights[~has_tumor])) == 1


def test_thick_slices_take_neighbours_from_twice_the_distance():
    sampler = Sampler(SLICES.has_tumor, 32, seed=1)
    ((images, _),) = take_batches(1, batch=32, with_masks=True, neighbors=1, thick=0.5)
    near = SLICES.take_images(SLICES.neighbor_indices(1)[sampler(0)])
    far = SLICES.take_images(SLICES.neighbor_indices(2)[sampler(0)][:, ::2])
    is_near, is_far = ((images == other).all(axis=(1, 2, 3)) for other in (near, far))
    assert (is_near | is_far).all()
    assert 4 < (is_far & ~is_near).sum() < 28
    np.testing.assert_array_equal(images[..., 3:6], near[..., 3:6])


def test_soft_masks_hold_the_tumour_share_of_each_pixel():
    slices = replace(SLICES, masks=SLICES.masks // 3)
    for soft, value in ((True, np.float32(85) / 255), (False, 0)):
        _, masks = batch_arrays(slices, Sampler(slices.has_tumor, 8, seed=1), with_masks=True, soft=soft)(0, 0, 1)
        assert masks.max() == pytest.approx(value)
