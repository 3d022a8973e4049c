"""Headers that contradict each other: refused if voxels would be misplaced, accepted if they only look odd."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profiles import SHARED_FOLDER
from phantoms import phantom, write_nifti_volume
from read_positions import LPS, OPTIONS, read
from scan_writers import make_scan, write_dicom

from components.sources import open_source
from components.sources.reading import Options


def resliced(data, affine, axes):
    """The same voxels in another axis order, with a matching header."""
    picture = nib.Nifti1Image(data, affine)
    turn = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(axes)))
    reoriented = picture.as_reoriented(turn)
    return np.asarray(reoriented.dataobj), reoriented.affine


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 1), (1, 1), (4, 2), (2, 4)])
def test_agreeing_headers_are_accepted_whatever_their_codes(tmp_path, codes):
    made = phantom()
    for role in ("flair", "t1", "seg"):
        write_nifti_volume(tmp_path / "P" / f"P_{role}.nii.gz", made.volumes[role], made.affine, codes)
    reading = read(tmp_path)
    assert [problem.kind for problem in reading.problems] == ([] if any(codes) else ["choice"])
    assert reading.scan.mask.sum() > 0


@pytest.mark.parametrize("affine", [np.eye(4), LPS, np.diag([5.0, 6, 11, 1])], ids=["identity", "LPS", "sizes"])
@pytest.mark.parametrize("roles", [("flair", "t1", "t1ce", "seg"), ("flair", "seg"), ("flair",)], ids=len)
def test_files_without_any_position_are_matched_by_voxel_with_one_note(tmp_path, affine, roles):
    made = phantom()
    made.affine = affine
    with open_source(made.write(tmp_path / "P", roles=roles).parent) as source:
        reading = source.read("P", OPTIONS, masks="seg" in roles)
    (problem,) = reading.problems
    assert (problem.kind, problem.where) == ("choice", "P")
    assert "no header of its files holds a position" in problem.what
    assert reading.scan is not None


def test_a_four_dimensional_file_without_a_position_is_noted(tmp_path):
    made = phantom()
    stack = np.stack([made.volumes[role] for role in ("t1", "flair", "t1ce")], -1)
    write_nifti_volume(tmp_path / "P.nii.gz", stack, made.affine, (0, 0))
    with open_source(tmp_path) as source:
        _, problem = source.read("P", OPTIONS, masks=False).problems
    assert "no header of its files holds a position" in problem.what


def test_an_itk_mask_of_a_scan_without_position_is_matched_by_voxel(tmp_path):
    """ITK takes codes of 0 for an origin at the first voxel, and writes that origin, with a code, into its mask."""
    made = phantom()
    write_nifti_volume(tmp_path / "P" / "P_flair.nii.gz", made.volumes["flair"], made.affine, (0, 0))
    write_nifti_volume(
        tmp_path / "P" / "P_seg.nii.gz", made.volumes["seg"], LPS @ np.diag(np.diag(made.affine)), (1, 1)
    )
    reading = read(tmp_path)
    assert [problem.kind for problem in reading.problems] == ["choice"]
    assert (reading.scan.image[..., 1][reading.scan.mask] > 150).mean() > 0.9


def test_a_mask_with_the_grid_of_t1_is_placed_like_t1(tmp_path):
    """It has FLAIR's shape but T1's position, so it was drawn on T1."""
    made = phantom()
    shifted = made.affine.copy()
    shifted[:3, 3] += [10, 6, 0]
    moved = {"t1": lambda data, _: (np.roll(data, (-2, -1), (0, 1)), shifted)}
    moved["seg"] = moved["t1"]
    reading = read(made.write(tmp_path / "P", headers=moved).parent)
    assert reading.problems == []
    assert (reading.scan.image[..., 1][reading.scan.mask] > 150).mean() > 0.9


@pytest.mark.parametrize("axes", ["LPS", "RAS", "PSR", "RAI", "SPL", "AIR"])
@pytest.mark.parametrize("role", ["seg", "t1"])
def test_reordered_axes_with_a_matching_header_give_the_same_scan(tmp_path, axes, role):
    made = phantom()
    plain = read(made.write(tmp_path / "plain" / "P").parent).scan
    reoriented = read(
        made.write(tmp_path / "turned" / "P", headers={role: lambda *volume: resliced(*volume, axes)}).parent
    )
    assert reoriented.problems == []
    np.testing.assert_array_equal(reoriented.scan.image, plain.image)
    np.testing.assert_array_equal(reoriented.scan.mask, plain.mask)


@settings(max_examples=15, deadline=None, suppress_health_check=SHARED_FOLDER)
@given(
    angle=st.floats(-12, 12),
    shift=st.tuples(*[st.floats(-15, 15)] * 3),
    factor=st.sampled_from([0.5, 1.0, 1.5]),
)
def test_a_sequence_at_another_angle_and_position_is_resampled(tmp_path_factory, angle, shift, factor):
    """T1 shows the same head on another grid; the positions in both headers align it with FLAIR."""
    folder = tmp_path_factory.mktemp("angled")
    made = phantom()
    turn = np.eye(4)
    turn[:2, :2] = [
        [np.cos(np.radians(angle)), -np.sin(np.radians(angle))],
        [np.sin(np.radians(angle)), np.cos(np.radians(angle))],
    ]
    turn[:3, 3] = shift
    affine = turn @ made.affine @ np.diag([factor, factor, 1, 1])
    shape = tuple(round(size / factor) for size in made.volumes["t1"].shape[:2]) + made.volumes["t1"].shape[2:]
    moved = nib.processing.resample_from_to(nib.Nifti1Image(made.volumes["t1"], made.affine), (shape, affine), order=1)
    reading = read(made.write(folder / "P", headers={"t1": lambda *_: (np.asarray(moved.dataobj), affine)}).parent)
    assert {problem.kind for problem in reading.problems} <= {"gap"}  # for slices shifted out of T1
    plain = read(made.write(folder / "plain" / "P").parent).scan
    inside = plain.image[..., 0] > 60
    moved_image = reading.scan.image[..., 0]
    assert (moved_image > 60)[inside].mean() > 0.7


def test_a_slab_within_flair_is_accepted(tmp_path):
    made = phantom()

    def slab(data, affine):
        start = np.eye(4)
        start[2, 3] = 4
        return data[:, :, 4:8], affine @ start

    reading = read(made.write(tmp_path / "P", headers={"t1ce": slab}).parent)
    assert [problem.kind for problem in reading.problems] == ["gap"]
    assert reading.scan.image[5, ..., 2].any()
    assert not reading.scan.image[0, ..., 2].any()


@pytest.mark.parametrize("forms", list(itertools.product(["qform", "sform"], repeat=2)))
def test_a_mask_by_either_form_of_flairs_header_is_placed_on_flair(tmp_path, forms):
    """FLAIR's qform and sform differ, and ITK used one of them for the mask."""
    made = phantom()
    other = made.affine.copy()
    other[:3, 3] += [40, 0, 0]
    made.write(tmp_path / "P")
    path = tmp_path / "P" / "P_flair.nii.gz"
    picture = nib.Nifti1Image(made.volumes["flair"], made.affine)
    picture.set_sform(made.affine if forms[0] == "sform" else other, 1)
    picture.set_qform(other if forms[0] == "sform" else made.affine, 1)
    nib.save(picture, path)
    write_nifti_volume(
        tmp_path / "P" / "P_seg.nii.gz", made.volumes["seg"], made.affine, (1, 0) if forms[1] == "qform" else (0, 1)
    )
    for role in ("t1", "t1ce"):
        write_nifti_volume(tmp_path / "P" / f"P_{role}.nii.gz", made.volumes[role], made.affine)
    reading = read(tmp_path)
    assert [problem.kind for problem in reading.problems] == ["choice"]
    inside = reading.scan.image[..., 1][reading.scan.mask]
    assert (inside > 150).mean() > 0.9


def test_a_mask_outside_the_head_is_refused(tmp_path):
    made = phantom()
    made.volumes["seg"] = np.zeros_like(made.volumes["seg"])
    made.volumes["seg"][:3, :3, 4:8] = 1
    reading = read(made.write(tmp_path / "P").parent)
    assert reading.scan is None
    assert "lies outside the head" in reading.problems[0].what


@pytest.mark.parametrize("wrong_affine", [np.eye(4), None], ids=["identity", "LPS for RAS"])
def test_a_misplaced_nifti_mask_beside_dicom_is_refused(tmp_path, wrong_affine):
    scan = make_scan()
    folder = write_dicom(tmp_path, scan, mask=False)
    voxels = np.ascontiguousarray(scan.mask.transpose(2, 1, 0).astype(np.uint8))
    write_nifti_volume(folder / "mask.nii.gz", voxels, scan.affine)
    with open_source(tmp_path) as source:
        reading = source.read(scan.patient, Options(size=32, spacing=1.0))
        np.testing.assert_array_equal(reading.scan.mask, scan.mask)
        write_nifti_volume(folder / "mask.nii.gz", voxels, LPS @ scan.affine if wrong_affine is None else wrong_affine)
        reading = source.read(scan.patient, Options(size=32, spacing=1.0))
    assert reading.scan is None
    assert [problem.kind for problem in reading.problems] == ["position"]
