"""Features of slices: blankness and the hash of the pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.scans.slice_features import is_blank, pixel_hash

lengths = st.integers(1, 6)
grey = st.integers(0, 255)


@given(lengths, lengths, st.tuples(grey, grey, grey), st.data())
def test_a_slice_is_blank_if_and_only_if_all_its_pixels_are_equal(height, width, pixel, data):
    image = np.tile(np.array(pixel, np.uint8), (height, width, 1))
    assert is_blank(image)
    assert pixel_hash(image) == ""
    if height * width > 1:
        position = data.draw(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1), st.integers(0, 2)))
        image[position] ^= 1
        assert not is_blank(image)
        assert pixel_hash(image)
