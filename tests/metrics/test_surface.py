"""Surface distances and HD95, compared with brute force and hand calculation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from components.metrics.surface import bounding_box, diagonal_mm, hd95_mm, surface, surface_distances

SPACING = (5.0, 0.5, 2.0)
small_masks = arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6)))
spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 2.5, 6.0])] * 3)


def empty(*shape):
    return np.zeros(shape or (8, 30, 40), bool)


def brute_force(reference, prediction, spacing):
    """Compare all pairs of surface voxels, which are those from which a step along an axis leaves the mask."""

    def points(mask):
        inside = {tuple(at) for at in np.argwhere(mask)}
        steps = [tuple(s * (axis == a) for a in range(3)) for axis in range(3) for s in (-1, 1)]
        edge = [at for at in inside if any(tuple(np.add(at, step)) not in inside for step in steps)]
        return np.array(edge, float) * spacing

    distances = cdist(points(reference), points(prediction))
    return max(np.percentile(distances.min(axis=1), 95), np.percentile(distances.min(axis=0), 95))


@settings(max_examples=80, deadline=None)
@given(small_masks.flatmap(lambda m: st.tuples(st.just(m), arrays(bool, m.shape))), spacings)
def test_hd95_matches_brute_force(masks, spacing):
    reference, prediction = masks
    if reference.any() and prediction.any():
        assert hd95_mm(reference, prediction, spacing) == pytest.approx(brute_force(reference, prediction, spacing))
    else:
        assert hd95_mm(reference, prediction, spacing) is None


@pytest.mark.parametrize("seed", range(3))
def test_hd95_matches_brute_force_on_blobs(seed):
    rng = np.random.default_rng(seed)
    blobs = [np.pad(rng.random((6, 12, 12)) > 0.4, [(1, 2), (seed, 3), (2, 0)]) for _ in range(2)]
    assert hd95_mm(*blobs, SPACING) == pytest.approx(brute_force(*blobs, SPACING))


@pytest.mark.parametrize(
    ("step", "millimetres"), [((1, 0, 0), 5), ((0, 6, 0), 3), ((0, 0, 2), 4), ((1, 0, 6), 13), ((0, 6, 2), 5)]
)
def test_the_distance_of_two_voxels_is_pythagorean(step, millimetres):
    reference, prediction = empty(), empty()
    reference[2, 10, 10] = prediction[tuple(np.add((2, 10, 10), step))] = True
    assert hd95_mm(reference, prediction, SPACING) == pytest.approx(millimetres)


@pytest.mark.parametrize("axis", range(3))
def test_parallel_plates_are_as_far_apart_as_their_shift(axis):
    shape = [12, 12, 12]
    reference, prediction = empty(*shape), empty(*shape)
    np.moveaxis(reference, axis, 0)[2] = True
    np.moveaxis(prediction, axis, 0)[9] = True
    assert hd95_mm(reference, prediction, SPACING) == pytest.approx(7 * SPACING[axis])


def test_hd95_of_a_shifted_box_matches_hand_calculation():
    # Shifted by 4 columns of 2 mm: the end face, 100 of 488 surface voxels, is 8 mm away, and nothing is farther.
    reference, prediction = empty(20, 20, 20), empty(20, 20, 20)
    reference[4:14, 4:14, 2:12] = prediction[4:14, 4:14, 6:16] = True
    assert surface(reference).sum() == 1000 - 8**3
    assert hd95_mm(reference, prediction, (1, 1, 2)) == 8


def test_less_than_a_twentieth_of_a_surface_is_ignored():
    # A bar of 3 x 3 x 100 voxels, shifted along itself by 2 of 2 mm: 17 of 802 surface voxels stick out at either end.
    reference, prediction = empty(5, 5, 110), empty(5, 5, 110)
    reference[1:4, 1:4, 2:102] = prediction[1:4, 1:4, 4:104] = True
    assert max(d.max() for d in surface_distances(reference, prediction, (1, 1, 2))) == 4
    assert hd95_mm(reference, prediction, (1, 1, 2)) == 0


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (2.0, 0.5, 1.5)])
def test_concentric_spheres_are_the_difference_of_their_radii_apart(spacing):
    shape = [int(2 * 24 / s) + 5 for s in spacing]
    centre = [(n - 1) / 2 * s for n, s in zip(shape, spacing, strict=True)]
    grid = np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"), -1)
    radius = np.linalg.norm(grid - centre, axis=-1)
    assert hd95_mm(radius <= 22, radius <= 14, spacing) == pytest.approx(8, abs=max(spacing))


def test_a_far_blob_counts_from_a_twentieth_of_its_own_surface():
    reference, prediction = empty(1, 30, 100), empty(1, 30, 100)
    reference[0, :10, :10] = prediction[0, :10, :10] = True  # one slice: every voxel is surface
    prediction[0, 0, 60:64] = True  # 4 of 104
    assert hd95_mm(reference, prediction, (1, 1, 1)) == 0
    prediction[0, 0:2, 60:64] = True  # 8 of 108; of the pooled 208 they would be less than a twentieth
    assert hd95_mm(reference, prediction, (1, 1, 1)) > 50
    pooled = np.concatenate(surface_distances(reference, prediction, (1, 1, 1)))
    assert np.percentile(pooled, 95) == 0


def test_padding_around_the_masks_does_not_matter():
    rng = np.random.default_rng(4)
    reference, prediction = rng.random((2, 3, 6, 6)) > 0.5
    wide = [np.pad(m, [(3, 1), (0, 20), (7, 7)]) for m in (reference, prediction)]
    assert hd95_mm(*wide, SPACING) == hd95_mm(reference, prediction, SPACING)


def test_hd95_is_symmetric_and_zero_for_equal_masks():
    rng = np.random.default_rng(5)
    reference, prediction = rng.random((2, 4, 9, 9)) > 0.7
    assert hd95_mm(reference, prediction, SPACING) == hd95_mm(prediction, reference, SPACING) > 0
    assert hd95_mm(reference, reference, SPACING) == 0


def test_empty_masks_have_no_distance():
    one_voxel = empty()
    one_voxel[3, 3, 3] = True
    assert hd95_mm(empty(), empty(), SPACING) is None
    assert hd95_mm(one_voxel, empty(), SPACING) is None
    assert hd95_mm(empty(), one_voxel, SPACING) is None
    with pytest.raises(ValueError, match="no surface"):
        surface_distances(one_voxel, empty(), SPACING)
    with pytest.raises(ValueError, match="shapes"):
        surface_distances(one_voxel, one_voxel[:1], SPACING)
    with pytest.raises(ValueError, match="shapes"):
        surface_distances(one_voxel[:1], one_voxel, SPACING)


def test_the_diagonal_matches_brats():
    assert diagonal_mm((155, 240, 240), (1, 1, 1)) == pytest.approx(373.1287, abs=1e-4)
    assert diagonal_mm((10, 20, 5), (6, 4, 0)) == 100


def test_the_bounding_box_is_tight():
    mask = empty()
    mask[2:4, 5, 7:30] = True
    assert bounding_box(mask) == (slice(2, 4), slice(5, 6), slice(7, 30))
    assert bounding_box(mask[:, :, ::2]) is not None  # a view with gaps in memory
    assert bounding_box(empty()) is None
