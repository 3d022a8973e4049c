"""Slices resized to a network's grid: NumPy gives the same values as the training graph."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.layered.grid import from_grid, to_grid
from models.networks import preprocessing

lengths = st.integers(8, 80)


def noise(*shape):
    return np.random.default_rng(shape).integers(0, 256, shape, dtype=np.uint8)


def assert_equal_to_training(images, size):
    (alone,), (original, mirrored) = (to_grid(images, size, views) for views in (1, 2))
    assert np.array_equal(alone, preprocessing.to_grid(images, size))
    assert np.array_equal(original, alone)
    assert np.array_equal(mirrored, preprocessing.to_grid(images[:, :, ::-1], size))


@settings(max_examples=40)
@given(lengths, lengths, lengths)
def test_the_grid_equals_that_of_training_exactly(height, width, size):
    images = noise(2, height, width, 3)
    assert_equal_to_training(images, size)


@pytest.mark.parametrize(("height", "width", "size"), [(256, 256, 128), (240, 240, 128), (512, 384, 256)])
def test_the_grid_equals_that_of_training_at_real_sizes_with_many_ties(height, width, size):
    images = noise(2, height, width, 3)
    exact = np.asarray(tf.image.resize(images, (size, size), antialias=True), np.float64)
    assert np.mean(np.abs(exact - np.floor(exact) - 0.5) < 1e-4) > 1e-4
    assert_equal_to_training(images, size)


@settings(max_examples=40)
@given(lengths, lengths, lengths)
def test_maps_are_resized_back_as_in_tensorflow(size, height, width):
    maps = np.random.default_rng(size).random((2, size, size), dtype=np.float32)
    expected = tf.image.resize(maps[..., None], (height, width), method="bilinear")
    np.testing.assert_allclose(from_grid(maps, height, width), np.asarray(expected)[..., 0], atol=1e-6)
