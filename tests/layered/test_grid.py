"""Slices on a network's grid, in NumPy as in the graph that networks are trained behind."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.layered.grid import from_grid, to_grid
from models.networks import preprocessing

sides = st.integers(8, 80)


def noise(*shape):
    return np.random.default_rng(shape).integers(0, 256, shape, dtype=np.uint8)


def same_as_trainings(images, size):
    (alone,), (straight, mirrored) = (to_grid(images, size, looks) for looks in (1, 2))
    assert np.array_equal(alone, preprocessing.to_grid(images, size))
    assert np.array_equal(straight, alone)
    assert np.array_equal(mirrored, preprocessing.to_grid(images[:, :, ::-1], size))


@settings(max_examples=40)
@given(sides, sides, sides)
def test_the_grid_is_that_of_trainings_to_the_last_bit(height, width, size):
    images = noise(2, height, width, 3)
    same_as_trainings(images, size)


@pytest.mark.parametrize(("height", "width", "size"), [(256, 256, 128), (240, 240, 128), (512, 384, 256)])
def test_so_it_is_at_the_sizes_that_scans_have_where_many_values_are_exact_halves(height, width, size):
    images = noise(2, height, width, 3)
    exact = np.asarray(tf.image.resize(images, (size, size), antialias=True), np.float64)
    assert np.mean(np.abs(exact - np.floor(exact) - 0.5) < 1e-4) > 1e-4
    same_as_trainings(images, size)


@settings(max_examples=40)
@given(sides, sides, sides)
def test_maps_come_back_as_tensorflow_brings_them(size, height, width):
    maps = np.random.default_rng(size).random((2, size, size), dtype=np.float32)
    expected = tf.image.resize(maps[..., None], (height, width), method="bilinear")
    np.testing.assert_allclose(from_grid(maps, height, width), np.asarray(expected)[..., 0], atol=1e-6)
