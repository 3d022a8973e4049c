"""Components of a mask in three dimensions, compared with scikit-image, and which of them are kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import label

from components.metrics.components3d import keep_components, label_components

masks = arrays(bool, (3, 6, 7), elements=st.sampled_from([True, False, False, False]))
SPACING = (5.0, 1.0, 2.0)  # a voxel is 0.01 ml


@settings(max_examples=60, deadline=None)
@given(masks, st.integers(0, 8), st.booleans())
def test_kept_components_match_those_of_scikit_image(mask, voxels, largest):
    numbered = label(mask, connectivity=3)
    sizes = np.bincount(numbered.ravel())[1:]
    kept = np.flatnonzero(sizes >= voxels) + 1
    if largest:
        kept = kept[kept == (sizes.argmax() + 1 if len(sizes) else 0)]
    found = keep_components(mask, SPACING, min_ml=voxels * 0.01, largest=largest)
    assert (found == np.isin(numbered, kept)).all()
    assert found.dtype == bool


@settings(deadline=None)
@given(masks)
def test_sizes_add_up_to_the_mask(mask):
    labels, sizes = label_components(mask)
    assert sizes.sum() == mask.sum()
    assert ((labels > 0) == mask).all()
    assert np.bincount(labels.ravel())[1:].tolist() == sizes.tolist()


def blobs():
    mask = np.zeros((4, 20, 20), bool)
    mask[1, 2:8, 2:8] = True  # 36 voxels
    mask[2, 8, 8] = True  # touches the first at a corner, in the next slice
    mask[3, 15:18, 15:18] = True  # 9
    mask[0, 19, 0] = True  # 1
    return mask


def test_voxels_touching_by_a_corner_form_one_component():
    assert sorted(label_components(blobs())[1]) == [1, 9, 37]


@pytest.mark.parametrize(
    ("min_ml", "largest", "voxels"),
    [(0, False, 47), (0.02, False, 46), (0.09, False, 46), (0.09005, False, 37), (0, True, 37), (0.37, True, 37)],
)
def test_known_blobs_are_kept_or_removed_by_size(min_ml, largest, voxels):
    assert keep_components(blobs(), SPACING, min_ml=min_ml, largest=largest).sum() == voxels


def test_without_a_rule_everything_is_kept():
    assert (keep_components(blobs(), SPACING) == blobs()).all()


def test_even_the_largest_component_is_removed_if_too_small():
    assert not keep_components(blobs(), SPACING, min_ml=0.38, largest=True).any()


def test_an_empty_mask_stays_empty_and_the_input_is_unchanged():
    empty = np.zeros((2, 3, 4), bool)
    assert not keep_components(empty, SPACING, min_ml=0.1, largest=True).any()
    mask = blobs()
    keep_components(mask, SPACING, largest=True)
    assert (mask == blobs()).all()
