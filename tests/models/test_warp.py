"""Smooth random fields, affine grids and bilinear sampling, the geometry of augmentation."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.ndimage import affine_transform, map_coordinates

from models.networks import warp

to_numpy = keras.ops.convert_to_numpy


@pytest.mark.parametrize(("points", "size"), [(4, 9), (5, 256), (7, 32), (7, 5)])
def test_spline_weights_are_those_of_a_uniform_cubic_b_spline(points, size):
    weights = warp.spline(points, size)
    assert weights.shape == (size, points)
    spans = points - 3
    positions = np.linspace(0, spans, size)
    positions[-1] -= 1e-9  # the last knot is in no span
    expected = BSpline.design_matrix(positions, np.arange(-3, spans + 4), 3).toarray()
    assert weights == pytest.approx(expected, abs=1e-6)
    assert weights.min() >= 0
    assert weights.sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_a_smooth_field_is_a_spline_along_rows_and_columns():
    knots = np.random.default_rng(5).uniform(-1, 1, (3, 7, 7, 2)).astype("float32")
    fields = to_numpy(warp.smooth_field(knots, 40))
    assert fields.shape == (3, 40, 40, 2)
    weights = warp.spline(7, 40)
    for batch, field in np.ndindex(3, 2):
        assert np.allclose(fields[batch, ..., field], weights @ knots[batch, ..., field] @ weights.T, atol=1e-6)


def test_a_smooth_field_stays_within_its_control_points_and_has_no_kinks():
    random = np.random.default_rng(5)
    knots = np.sign(random.uniform(-1, 1, (16, 7, 7, 1))).astype("float32")
    fields = to_numpy(warp.smooth_field(knots, 129))
    assert np.abs(fields).max() <= 1 + 1e-6
    assert np.abs(fields).max() > 0.7
    # In a span of 32 pixels, the second difference is bounded by 4 differences of knots, (1/32) ** 2 each.
    for axis in (1, 2):
        assert np.abs(np.diff(fields, n=2, axis=axis)).max() < 4 / 32**2 + 1e-5
    assert np.allclose(warp.smooth_field(np.full((1, 5, 5, 1), 0.3, "float32"), 20), 0.3, atol=1e-6)


def test_sample_interpolates_like_scipy_with_zeros_beyond_the_border():
    random = np.random.default_rng(5)
    images = random.uniform(0, 255, (3, 20, 24, 2)).astype("float32")
    rows = random.uniform(-4, 23, (3, 30, 31)).astype("float32")
    columns = random.uniform(-4, 27, (3, 30, 31)).astype("float32")
    found = to_numpy(warp.sample(images, rows, columns))
    assert found.shape == (3, 30, 31, 2)
    for batch, channel in np.ndindex(3, 2):
        coordinates = [rows[batch], columns[batch]]
        expected = map_coordinates(images[batch, ..., channel], coordinates, order=1, mode="grid-constant")
        assert np.allclose(found[batch, ..., channel], expected, atol=0.01)


def test_sampling_every_pixel_at_its_own_place_changes_nothing():
    images = np.random.default_rng(5).uniform(0, 255, (2, 16, 16, 3)).astype("float32")
    rows, columns = np.meshgrid(*2 * [np.arange(16, dtype="float32")], indexing="ij")
    rows, columns = np.stack([rows] * 2), np.stack([columns] * 2)
    assert np.array_equal(warp.sample(images, rows, columns), images)
    assert np.array_equal(warp.sample(images, rows, columns[:, :, ::-1]), images[:, :, ::-1])
    assert not np.any(warp.sample(images, rows + 1000, columns))
    assert not np.any(warp.sample(images, rows, columns - 1000))


@pytest.mark.parametrize("size", [16, 17])
def test_affine_grid_rotates_zooms_and_mirrors_about_the_centre_and_shifts(size):
    image = np.random.default_rng(5).uniform(0, 255, (size, size)).astype("float32")
    angle, scale, mirror, right, down = 0.3, 1.1, -1.0, 2.0, -1.5
    arguments = [np.array([value], "float32") for value in (angle, scale, mirror, right, down)]
    moved = to_numpy(warp.sample(image[None, ..., None], *warp.affine_grid(*arguments, size)))[0, ..., 0]
    middle = np.full(2, (size - 1) / 2)
    matrix = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) @ np.diag([1, mirror])
    offset = middle - matrix @ middle + [down, right]
    assert np.allclose(moved, affine_transform(image, matrix, offset, order=1, mode="grid-constant"), atol=0.01)
