from __future__ import annotations

import keras
import numpy as np
import pytest
from augmented_slices import ALL, MOVES, SIZE, apply, augmenter, noise, squares

from models.networks import warp

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")


@pytest.mark.parametrize("settings", [{name: reach} for name, reach in MOVES.items()] + [{"elastic": 0.1}, MOVES, ALL])
def test_slice_and_mask_get_the_same_transform(settings):
    masks = squares(32)
    images = np.repeat(255 * masks, 3, axis=-1).astype("uint8")
    geometry = {name: reach for name, reach in settings.items() if name not in ("intensity", "gamma", "bias")}
    moved, moved_masks = apply(augmenter(**geometry), images, masks)
    assert moved_masks.shape == masks.shape
    assert moved_masks.dtype == np.float32
    assert set(np.unique(moved_masks)) == {0.0, 1.0}
    assert np.array_equal(moved[..., :1] >= 127.5, moved_masks == 1)
    assert (np.ptp(moved, axis=-1) < 1e-3).all()
    changed = (moved_masks != masks).mean(axis=(1, 2, 3))
    assert (changed > 0.01).sum() > 10
    assert moved_masks.sum(axis=(1, 2, 3)).min() > 0.6 * masks[0].sum()
    if geometry != settings:  # intensities have no say in where the mask goes
        assert np.array_equal(apply(augmenter(**settings), images, masks)[1], moved_masks)


def test_all_neighbouring_slices_of_a_scan_change_alike():
    one = noise(4)
    neighbours = np.concatenate([one, one // 2 + 40, one], axis=-1)
    wide, wide_masks = apply(augmenter(**ALL), neighbours, squares(4))
    plain, plain_masks = apply(augmenter(**ALL), one, squares(4))
    assert wide.shape == (4, SIZE, SIZE, 9)
    assert np.allclose(wide[..., :3], plain, atol=1e-3)
    assert np.allclose(wide[..., 6:], plain, atol=1e-3)
    assert np.array_equal(wide_masks, plain_masks)


def test_settings_of_zero_change_no_bit_and_draw_and_look_up_nothing(monkeypatch):
    monkeypatch.setattr(warp, "sample", None)
    images, masks = noise(4), squares(4)
    augment = augmenter()
    state = keras.ops.convert_to_numpy(augment.seeds.state).copy()
    moved, moved_masks = apply(augment, images, masks)
    assert moved.dtype == moved_masks.dtype == np.float32
    assert np.array_equal(moved, images)
    assert np.array_equal(moved_masks, masks)
    assert np.array_equal(augment.seeds.state, state)
    shaded, _ = apply(augmenter(gamma=0.5, bias=0.5, intensity=0.5), images, masks)  # and moves nothing
    assert not np.allclose(shaded, images, atol=10)


def test_what_is_0_costs_nothing_beside_what_is_not(monkeypatch):
    monkeypatch.setattr(warp, "smooth_field", None)
    apply(augmenter(**MOVES, intensity=0.2, gamma=0.3), noise(2), squares(2))
    monkeypatch.undo()
    monkeypatch.setattr(keras.ops, "power", None)
    apply(augmenter(**(ALL | {"gamma": 0.0})), noise(2), squares(2))
    augment = augmenter(gamma=0.3)
    state = keras.ops.convert_to_numpy(augment.seeds.state).copy()
    monkeypatch.undo()
    apply(augment, noise(2), squares(2))
    assert (keras.ops.convert_to_numpy(augment.seeds.state) - state).sum() == 1  # one draw


@pytest.mark.parametrize("name", ["elastic", "gamma", "bias"])
def test_next_to_nothing_changes_next_to_nothing(name):
    images, masks = noise(4), squares(4)
    moved, moved_masks = apply(augmenter(**{name: 1e-6}), images, masks)
    assert np.allclose(moved, images, atol=0.1)
    assert np.array_equal(moved_masks, masks)


def test_a_batch_without_masks_gets_the_same_pictures_and_no_masks():
    with_masks, _ = apply(augmenter(**MOVES), noise(4), squares(4))
    alone, masks = apply(augmenter(**MOVES), noise(4))
    assert masks is None
    assert np.allclose(alone, with_masks, atol=1e-3)
