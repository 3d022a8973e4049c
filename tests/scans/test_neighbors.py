"""Slices are stacked with their neighbours, channels side by side."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components.scans.scan import neighborhood, stack_neighbors


@given(arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 4)] * 3, st.just(3))), st.integers(0, 2))
def test_the_channels_of_neighbors_are_stacked_side_by_side(images, neighbors):
    around = images[neighborhood(len(images), neighbors)]
    stacked = stack_neighbors(around)
    for at in range(2 * neighbors + 1):
        np.testing.assert_array_equal(stacked[..., 3 * at : 3 * at + 3], around[:, at])


def test_slices_not_contiguous_in_memory_are_stacked_too():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 5, 3), np.uint8)
    transposed = stack_neighbors(images[:, :, ::-1].swapaxes(2, 3))
    np.testing.assert_array_equal(transposed, stack_neighbors(images)[:, ::-1].swapaxes(1, 2))
