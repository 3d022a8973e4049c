"""Run-length encoding of masks and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from components.scans.rle import decode, encode

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12))


def encode_by_counting(mask):
    """The convention, spelled out: walk down each column and count."""
    runs, number, before = [], 0, False
    for column in range(mask.shape[1]):
        for row in range(mask.shape[0]):
            number += 1
            if mask[row, column] and not before:
                runs.append([number, 0])
            if mask[row, column]:
                runs[-1][1] += 1
            before = mask[row, column]
    return " ".join(f"{start} {length}" for start, length in runs)


def test_the_example_from_the_convention_is_decoded_and_encoded():
    mask = decode("1 3 10 5", 4, 5)
    assert sorted(np.flatnonzero(mask.ravel(order="F")) + 1) == [1, 2, 3, 10, 11, 12, 13, 14]
    assert mask[:, 0].tolist() == [True, True, True, False]
    assert encode(mask) == "1 3 10 5"


def test_pixels_are_counted_from_one_down_the_columns():
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    assert encode(mask) == "8 1"
    mask[2, 2] = mask[0, 3] = True  # the bottom of a column and the top of the next are neighbours
    assert encode(mask) == "8 3"


def test_empty_masks_are_empty_strings():
    assert encode(np.zeros((256, 256), bool)) == ""
    assert not decode("", 256, 256).any()
    assert encode(np.ones((2, 3), bool)) == "1 6"


@given(masks)
def test_encoding_equals_counting_pixel_by_pixel(mask):
    assert encode(mask) == encode_by_counting(mask)


@given(masks)
def test_decoding_restores_the_mask(mask):
    assert np.array_equal(decode(encode(mask), *mask.shape), mask)


@given(masks, st.randoms())
def test_runs_may_come_in_any_order(mask, random):
    words = encode(mask).split()
    pairs = [words[i : i + 2] for i in range(0, len(words), 2)]
    random.shuffle(pairs)
    assert np.array_equal(decode(" ".join(" ".join(pair) for pair in pairs), *mask.shape), mask)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1", "pairs"),
        ("1 2 3", "pairs"),
        ("a b", "pairs"),
        ("1.5 2", "pairs"),
        ("-1 2", "pairs"),
        ("nan nan", "pairs"),
        ("\u0661 1", "pairs"),
        ("1 " + "9" * 30, "pairs"),
        ("1 " + "9" * 16, "pairs"),
        ("1 " + "9" * 15, "outside"),
        ("0 1", "outside"),
        ("1 0", "outside"),
        ("12 2", "outside"),
        ("1 3 3 1", "overlap"),
        ("5 2 5 2", "overlap"),
    ],
)
def test_invalid_run_lengths_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        decode(text, 3, 4)


@given(st.text(alphabet="0123456789 -.e", max_size=20))
def test_any_text_decodes_to_a_mask_or_raises_value_error(text):
    try:
        mask = decode(text, 5, 7)
    except ValueError:
        return
    assert np.array_equal(decode(encode(mask), 5, 7), mask)
