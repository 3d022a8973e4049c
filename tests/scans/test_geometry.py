"""Volumes resampled to the slice grid, and masks mapped back to the source."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.affines import apply_affine, voxel_sizes
from nibabel.eulerangles import euler2mat

from components.scans.geometry import (
    Geometry,
    is_usable,
    model_grid,
    resample,
    resample_mask,
    voxels_outside,
)
from components.scans.scan import Scan
from components.scans.scan_files import read_scan, write_scan

BALL = np.array([12.0, -8.0, 5.0])  # position of the ball in the patient, in millimetres
RADIUS = 30.0


def ball(geometry):
    """Mask of the ball, drawn at the voxels' positions in the patient."""
    positions = apply_affine(geometry.affine, np.stack(np.indices(geometry.shape), axis=-1))
    return np.linalg.norm(positions - BALL, axis=-1) < RADIUS


def centred(shape, columns):
    """Geometry centred on the origin; `columns` are the steps along the three axes."""
    affine = np.eye(4)
    affine[:3, :3] = columns
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(tuple(shape), affine)


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@st.composite
def acquisitions(draw):
    """Field of view of a head in any scanner: axes in any order and direction, spacings, tilts of up to ten degrees."""
    order = draw(st.permutations(range(3)))
    signs = np.array([draw(st.sampled_from([-1, 1])) for _ in range(3)])
    sizes = np.array([draw(st.floats(0.8, 2.0)), draw(st.floats(0.8, 2.0)), draw(st.floats(1.5, 6.0))])
    shape = np.ceil(110 / sizes).astype(int)
    tilt = euler2mat(*(np.radians(draw(st.floats(-10, 10))) for _ in range(3)))
    directions = tilt @ np.diag(signs * sizes)  # axes along x, y, z, thick slices along z
    return centred([int(shape[i]) for i in order], directions[:, list(order)])


@settings(max_examples=8, deadline=None)
@given(source=acquisitions(), spacing=st.floats(1.0, 1.5))
def test_a_ball_keeps_its_position_and_survives_the_round_trip(source, spacing):
    grid = model_grid(source, size=96, spacing=spacing)
    assert nib.aff2axcodes(grid.affine) == ("L", "P", "S")
    np.testing.assert_allclose(voxel_sizes(grid.affine)[:2], spacing, rtol=1e-6)
    resampled = resample_mask(ball(source), source, grid)
    volume = resampled.sum() * abs(np.linalg.det(grid.affine[:3, :3]))
    assert dice(resampled, ball(grid)) > 0.95
    assert volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.06)
    assert dice(resample_mask(resampled, grid, source), ball(source)) > 0.95


@settings(max_examples=30, deadline=None)
@given(axes=st.permutations(["LR", "AP", "IS"]), flips=st.tuples(*[st.booleans()] * 3))
def test_reordered_voxels_keep_their_values_and_type(axes, flips):
    codes = tuple(pair[flip] for pair, flip in zip(axes, flips, strict=True))
    volume = np.random.default_rng(0).integers(0, 255, (32, 32, 5), dtype=np.uint8)
    axial = centred(volume.shape, np.diag([-1, -1, 5]))
    reoriented = nib.Nifti1Image(volume, axial.affine).as_reoriented(
        nib.orientations.ornt_transform(nib.io_orientation(axial.affine), nib.orientations.axcodes2ornt(codes))
    )
    source = Geometry(reoriented.shape, reoriented.affine)
    grid = model_grid(source, size=32, spacing=1.0)
    assert grid.same_as(axial)
    restored = resample(np.asarray(reoriented.dataobj), source, grid)
    assert restored.dtype == np.uint8
    np.testing.assert_array_equal(restored, volume)


def test_coarse_pixels_are_means_of_fine_ones_and_not_samples():
    """A checkerboard of single pixels can only appear as grey on a coarse grid."""
    fine = centred((256, 256, 3), np.diag([-0.5, -0.5, 5]))
    board = (np.indices(fine.shape)[:2].sum(axis=0) % 2 * 200).astype(np.uint8)
    coarse = resample(board, fine, model_grid(fine, size=64, spacing=1.3))
    assert np.abs(coarse[4:-4, 4:-4] - 100).max() < 25


def test_voxels_outside_are_counted():
    inner, outer = centred((32, 32, 4), np.diag([-1, -1, 5])), centred((64, 64, 4), np.diag([-1, -1, 5]))
    mask = np.zeros(outer.shape, bool)
    mask[32, 32, 2] = True
    assert voxels_outside(mask, outer, inner) == 0
    mask[:2, 0, 0] = True
    assert voxels_outside(mask, outer, inner) == 2


@pytest.mark.parametrize(
    "columns", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.diag([1, 1, 1e4]), np.diag([1e-5, 1, 1]), np.ones((3, 3))]
)
def test_implausible_affines_are_not_usable(columns):
    affine = np.eye(4)
    affine[:3, :3] = columns
    assert not is_usable(affine)
    assert is_usable(np.diag([-0.5, 0.5, 5, 1]))


def test_the_source_geometry_is_kept_in_the_file(tmp_path):
    source = centred((90, 70, 20), np.array([[0, -2, 0], [2, 0, 0], [0, 0.2, 6]]))
    grid = model_grid(source, size=128, spacing=1.2)
    mask = resample_mask(ball(source), source, grid).transpose(2, 1, 0)
    image = np.zeros((*mask.shape, 3), np.uint8)
    write_scan(tmp_path, Scan("p", "unknown", image, mask, grid.affine, source))
    read = read_scan(tmp_path, "p")
    assert read.source.same_as(source)
    restored = read.to_source(read.mask)
    assert restored.shape == source.shape
    assert dice(restored, ball(source)) > 0.95


def test_plain_pictures_can_not_be_mapped_back_to_a_source():
    scan = Scan("p", "unknown", np.zeros((2, 8, 8, 3), np.uint8), None)
    with pytest.raises(ValueError, match="2-D images"):
        scan.to_source(np.zeros((2, 8, 8), bool))
