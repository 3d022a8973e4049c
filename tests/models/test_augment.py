"""Augmentation gives a slice, its mask and its neighbours the same transform; zero settings change nothing."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from augmented_slices import ALL, MOVES, SIZE, apply, augmenter, noise, rectangle_masks

from models.networks import warp

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")


@pytest.mark.parametrize(
    "settings", [{name: magnitude} for name, magnitude in MOVES.items()] + [{"elastic": 0.1}, MOVES, ALL]
)
def test_slice_and_mask_get_the_same_transform(settings):
    masks = rectangle_masks(32)
    images = np.repeat(255 * masks, 3, axis=-1).astype("uint8")
    geometry = {name: magnitude for name, magnitude in settings.items() if name not in ("intensity", "gamma", "bias")}
    moved, moved_masks = apply(augmenter(**geometry), images, masks)
    assert moved_masks.shape == masks.shape
    assert moved_masks.dtype == np.float32
    assert set(np.unique(moved_masks)) == {0.0, 1.0}
    assert np.array_equal(moved[..., :1] >= 127.5, moved_masks == 1)
    assert (np.ptp(moved, axis=-1) < 1e-3).all()
    changed = (moved_masks != masks).mean(axis=(1, 2, 3))
    assert (changed > 0.01).sum() > 10
    assert moved_masks.sum(axis=(1, 2, 3)).min() > 0.6 * masks[0].sum()
    if geometry != settings:  # intensity changes must not affect the mask
        assert np.array_equal(apply(augmenter(**settings), images, masks)[1], moved_masks)


def test_neighbouring_slices_get_the_same_transform():
    one = noise(4)
    neighbours = np.concatenate([one, one // 2 + 40, one], axis=-1)
    wide, wide_masks = apply(augmenter(**ALL), neighbours, rectangle_masks(4))
    plain, plain_masks = apply(augmenter(**ALL), one, rectangle_masks(4))
    assert wide.shape == (4, SIZE, SIZE, 9)
    assert np.allclose(wide[..., :3], plain, atol=1e-3)
    assert np.allclose(wide[..., 6:], plain, atol=1e-3)
    assert np.array_equal(wide_masks, plain_masks)


def test_zero_settings_change_nothing_and_draw_no_random_numbers(monkeypatch):
    monkeypatch.setattr(warp, "sample", None)
    images, masks = noise(4), rectangle_masks(4)
    augment = augmenter()
    state = keras.ops.convert_to_numpy(augment.seeds.state).copy()
    moved, moved_masks = apply(augment, images, masks)
    assert moved.dtype == moved_masks.dtype == np.float32
    assert np.array_equal(moved, images)
    assert np.array_equal(moved_masks, masks)
    assert np.array_equal(augment.seeds.state, state)
    shaded, _ = apply(augmenter(gamma=0.5, bias=0.5, intensity=0.5), images, masks)  # needs no interpolation
    assert not np.allclose(shaded, images, atol=10)


def test_transforms_set_to_zero_are_not_computed(monkeypatch):
    monkeypatch.setattr(warp, "smooth_field", None)
    apply(augmenter(**MOVES, intensity=0.2, gamma=0.3), noise(2), rectangle_masks(2))
    monkeypatch.undo()
    monkeypatch.setattr(keras.ops, "power", None)
    apply(augmenter(**(ALL | {"gamma": 0.0})), noise(2), rectangle_masks(2))
    augment = augmenter(gamma=0.3)
    state = keras.ops.convert_to_numpy(augment.seeds.state).copy()
    monkeypatch.undo()
    apply(augment, noise(2), rectangle_masks(2))
    assert (keras.ops.convert_to_numpy(augment.seeds.state) - state).sum() == 1  # one draw


@pytest.mark.parametrize("name", ["elastic", "gamma", "bias"])
def test_tiny_settings_make_tiny_changes(name):
    images, masks = noise(4), rectangle_masks(4)
    moved, moved_masks = apply(augmenter(**{name: 1e-6}), images, masks)
    assert np.allclose(moved, images, atol=0.1)
    assert np.array_equal(moved_masks, masks)


def test_images_without_masks_get_the_same_transform():
    with_masks, _ = apply(augmenter(**MOVES), noise(4), rectangle_masks(4))
    alone, masks = apply(augmenter(**MOVES), noise(4))
    assert masks is None
    assert np.allclose(alone, with_masks, atol=1e-3)


def test_moving_a_soft_mask_keeps_its_fractional_values():
    masks = rectangle_masks(16) * 0.6
    _, soft = apply(augmenter(**MOVES, soft=True), noise(16), masks)
    _, hard = apply(augmenter(**MOVES), noise(16), masks)
    assert soft.max() == pytest.approx(0.6, abs=1e-5)
    assert ((soft > 0.01) & (soft < 0.59)).any()
    assert np.array_equal(soft >= 0.5, hard == 1)


def test_flair_replaces_a_missing_sequence_in_slice_and_neighbours():
    images = np.concatenate([noise(64), 255 - noise(64)], axis=-1).astype("float32")
    changed, _ = apply(augmenter(missing=0.3), images)
    assert np.array_equal(changed[..., [1, 4]], images[..., [1, 4]])
    for sequence in (0, 2):
        replaced = (changed[..., sequence] == images[..., 1]).all(axis=(1, 2))
        assert 8 < replaced.sum() < 32
        assert np.array_equal(replaced, (changed[..., sequence + 3] == images[..., 4]).all(axis=(1, 2)))
        assert np.array_equal(changed[~replaced][..., sequence], images[~replaced][..., sequence])


def test_blur_removes_detail_from_some_slices_and_keeps_the_mean():
    images = noise(64).astype("float32")
    blurred, _ = apply(augmenter(blur=1.0), images)
    remaining_detail = blurred[:, 4:-4, 4:-4].std(axis=(1, 2, 3)) / images[:, 4:-4, 4:-4].std(axis=(1, 2, 3))
    assert 16 < (remaining_detail > 0.999).sum() < 48  # half of the slices stay as they are
    assert remaining_detail.min() < 0.4
    assert blurred.mean() == pytest.approx(images.mean(), rel=0.02)
