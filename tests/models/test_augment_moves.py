"""Geometric augmentation: flip, rotation, zoom, shift and elastic deformation."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from augmented_slices import MOVES, SIZE, apply, augmenter, noise, rectangle_masks

from models.networks import warp
from models.networks.augment import Augmenter

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")

CENTRE = SIZE // 2


def spot_offsets(augment: Augmenter, batch: int = 64) -> np.ndarray:
    """Where a spot ten pixels right of the centre moves to: [batch, (down, right)], in pixels from the centre."""
    images = np.zeros((batch, SIZE, SIZE, 3), "float32")
    images[:, CENTRE - 1 : CENTRE + 2, CENTRE + 9 : CENTRE + 12] = 100
    moved, _ = apply(augment, images)
    weight = moved[..., 0] / moved[..., 0].sum(axis=(1, 2), keepdims=True)
    axis = np.arange(SIZE) - CENTRE
    return np.stack([(weight.sum(axis=2) * axis).sum(axis=1), (weight.sum(axis=1) * axis).sum(axis=1)], axis=1)


@pytest.mark.parametrize("size", [32, 33])
def test_flip_mirrors_about_half_of_the_slices_exactly(size):
    images = noise(64, size)
    masks = (images[..., :1] > 127).astype("float32")
    moved, moved_masks = apply(augmenter(flip=True), images, masks)
    kept = np.abs(moved - images).max(axis=(1, 2, 3)) < 1e-3
    mirrored = np.abs(moved - images[:, :, ::-1]).max(axis=(1, 2, 3)) < 1e-3
    assert (kept ^ mirrored).all()
    assert 16 < mirrored.sum() < 48
    assert np.array_equal(moved_masks, np.where(mirrored[:, None, None, None], masks[:, :, ::-1], masks))


def test_rotation_turns_about_the_centre_within_its_range():
    down, right = spot_offsets(augmenter(rotate=20.0)).T
    assert np.hypot(down, right) == pytest.approx(10, abs=0.2)
    degrees = np.degrees(np.arctan2(down, right))
    assert np.abs(degrees).max() <= 20.5
    assert degrees.min() < -12
    assert degrees.max() > 12


def test_zoom_keeps_the_centre_and_stays_within_its_range():
    down, right = spot_offsets(augmenter(zoom=0.2)).T
    assert down == pytest.approx(0, abs=0.05)
    assert right.min() > 10 / 1.2 - 0.3
    assert right.max() < 10 / 0.8 + 0.3
    assert right.min() < 9
    assert right.max() > 11


def test_shift_moves_along_both_axes_within_its_range():
    moved = spot_offsets(augmenter(shift=0.1)) - [0, 10]
    assert np.abs(moved).max() <= 0.1 * SIZE + 0.05
    assert (moved.min(axis=0) < -1.5).all()
    assert (moved.max(axis=0) > 1.5).all()
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.5


def sampling_grid(augment: Augmenter, batch: int, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = augment.sampling_grid(batch, size)
    return keras.ops.convert_to_numpy(rows), keras.ops.convert_to_numpy(columns)


def test_combined_affine_moves_preserve_angles_and_proportions():
    rows, columns = sampling_grid(augmenter(**(MOVES | {"rotate": 40.0})), 64)
    a, c = columns[:, 0, 1] - columns[:, 0, 0], rows[:, 0, 1] - rows[:, 0, 0]  # one pixel to the right
    b, d = columns[:, 1, 0] - columns[:, 0, 0], rows[:, 1, 0] - rows[:, 0, 0]  # one pixel down
    area = a * d - b * c
    assert np.allclose(a * b + c * d, 0, atol=1e-4)
    assert np.allclose(a**2 + c**2, np.abs(area), atol=1e-4)
    assert np.allclose(b**2 + d**2, np.abs(area), atol=1e-4)
    assert np.abs(np.sqrt(np.abs(area)) - 1).max() <= 0.1 + 1e-4
    assert 16 < (area < 0).sum() < 48


@pytest.mark.parametrize("size", [33, 64])
def test_elastic_displacements_stay_within_range_and_never_fold(size):
    rows, columns = sampling_grid(augmenter(elastic=0.1), 64, size)
    axis = np.arange(size)
    moves = np.stack([rows - axis[:, None], columns - axis])
    assert np.abs(moves).max() <= 0.1 * size + 1e-4
    assert np.abs(moves).max() > 0.06 * size
    assert np.abs(moves).max(axis=(2, 3)).min() > 0.01 * size  # every slice, both axes
    assert abs(np.corrcoef(moves.reshape(2, -1))[0, 1]) < 0.2
    down, right = np.diff(rows, axis=1)[:, :, :-1], np.diff(columns, axis=2)[:, :-1]
    area = down * right - np.diff(rows, axis=2)[:, :-1] * np.diff(columns, axis=1)[:, :, :-1]
    assert area.min() > 0


def test_elastic_and_the_other_moves_share_one_interpolation(monkeypatch):
    sample_calls = []
    sample = warp.sample
    monkeypatch.setattr(warp, "sample", lambda *arguments: sample_calls.append(1) or sample(*arguments))
    still, bent = (
        apply(augmenter(**MOVES, elastic=elastic), noise(4), rectangle_masks(4))[0] for elastic in (0.0, 0.1)
    )
    assert len(sample_calls) == 2
    assert np.abs(bent - still).mean() > 5
    for before, after in zip(
        sampling_grid(augmenter(**MOVES), 8), sampling_grid(augmenter(**MOVES, elastic=0.1), 8), strict=True
    ):
        assert 0.03 * SIZE < np.abs(after - before).max() <= 0.1 * SIZE + 1e-4
