"""Tumours pasted into tumour-free slices of other patients."""

from __future__ import annotations

import numpy as np
import pytest

from components.train.pasting import Paster
from components.train.training_slices import Slices

SIZE = 32


def cohort(*, outside_head=False):
    """Two patients, three slices each: a tumour in the first one's middle slice; the second has a darker head."""
    images = np.zeros((6, SIZE, SIZE, 3), np.uint8)
    images[:, 4:28, 4:28] = np.random.default_rng(5).integers(90, 110, (6, 24, 24, 3))
    images[3:, 4:28, 4:28] //= 2
    masks = np.zeros((6, SIZE, SIZE, 1), np.uint8)
    extent = slice(0, 8) if outside_head else slice(12, 20)
    masks[1, extent, extent] = 255
    images[1][masks[1, ..., 0] > 0] = 220
    return Slices(images, masks, np.arange(6), np.repeat([0, 1], 3), masks.any(axis=(1, 2, 3)))


def paste(slices, numbers, share=1.0, step=0, soft=True):
    neighborhoods = slices.neighbor_indices(1)
    images, masks = slices.take_images(neighborhoods[numbers]), slices.take_masks(numbers)
    before = images.copy()
    Paster(slices, np.flatnonzero(slices.has_tumor), neighborhoods, share, seed=1, soft=soft)(
        numbers, images, masks, step
    )
    return before, images, masks


def test_a_pasted_tumour_brings_its_mask_and_adapts_its_brightness():
    slices = cohort()
    before, images, masks = paste(slices, np.array([4]))
    np.testing.assert_array_equal(masks[0], slices.masks[1] / 255)
    inside = masks[0, ..., 0] > 0
    assert images[0, ..., 4][inside].mean() > 1.3 * before[0, ..., 4][inside].mean()
    assert images[0, ..., 4][inside].max() < 200  # adapted to this darker head
    far = np.ones((SIZE, SIZE), bool)
    far[5:27, 5:27] = False
    np.testing.assert_array_equal(images[0][far], before[0][far])


@pytest.mark.parametrize("soft", [True, False])
def test_a_pasted_mask_holds_shares_only_if_masks_are_soft(soft):
    slices = cohort()
    slices.masks[1, 12] = slices.masks[1, 12] // 255 * 100
    _, _, masks = paste(slices, np.array([4]), soft=soft)
    assert set(np.unique(masks)) == ({0, np.float32(100 / 255), 1} if soft else {0, 1})


@pytest.mark.parametrize("numbers", [[1], [0], [2]], ids=["has one", "same patient", "same patient, other slice"])
def test_slices_with_tumour_or_of_the_donor_are_not_changed(numbers):
    before, images, masks = paste(cohort(), np.array(numbers))
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(masks, cohort().take_masks(np.array(numbers)))


def test_a_tumour_is_not_pasted_outside_the_head():
    before, images, masks = paste(cohort(outside_head=True), np.array([4]))
    np.testing.assert_array_equal(images, before)
    assert not masks.any()


def test_pasting_respects_the_share_and_repeats_its_draws_per_step():
    slices, numbers = cohort(), np.full(200, 4)
    _, images, masks = paste(slices, numbers, share=0.3)
    assert 40 < masks.any(axis=(1, 2, 3)).sum() < 80
    np.testing.assert_array_equal(images, paste(slices, numbers, share=0.3)[1])
    assert not np.array_equal(masks, paste(slices, numbers, share=0.3, step=1)[2])
