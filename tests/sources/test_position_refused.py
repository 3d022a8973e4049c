"""Headers that contradict each other are refused."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import phantom, write_nifti_volume
from read_positions import LPS, read


def only_directions(affine):
    """FLAIR's directions and voxel sizes, without its origin."""
    changed = affine.copy()
    changed[:3, 3] = 0
    return changed


def rotated_about_its_corner(affine):
    """FLAIR's origin and voxel sizes with other directions, like an array saved with spacing and origin alone."""
    changed = affine.copy()
    changed[:3, :2] = affine[:3, 1::-1]
    return changed


WRONG_HEADERS = {
    "identity": lambda data, affine: (data, np.eye(4)),
    "identity of LPS": lambda data, affine: (data, LPS),
    "voxel sizes alone": lambda data, affine: (data, np.diag(np.diag(affine))),
    "LPS for RAS": lambda data, affine: (data, LPS @ affine),
    "mirrored": lambda data, affine: (data, np.diag([-1.0, 1, 1, 1]) @ affine),
    "world axes swapped": lambda data, affine: (data, affine[[1, 0, 2, 3]]),
    "no place": lambda data, affine: (data, only_directions(affine)),
    "no voxel size": lambda data, affine: (data, affine @ np.diag([*(1 / np.diag(affine)[:3]), 1])),
    "other directions": lambda data, affine: (data, rotated_about_its_corner(affine)),
    "axes swapped, header kept": lambda data, affine: (np.ascontiguousarray(data.transpose(1, 0, 2)), affine),
    "axes reversed, header kept": lambda data, affine: (np.ascontiguousarray(data.T), affine),
    "cropped, header kept": lambda data, affine: (data[4:-4, 3:-3, 1:-1], affine),
    "resampled, header kept": lambda data, affine: (np.repeat(np.repeat(data, 2, 0), 2, 1), affine),
    "far away": lambda data, affine: (data, affine + np.array([[0, 0, 0, 500.0]] + [[0] * 4] * 3)),
}


@pytest.mark.parametrize("role", ["seg", "t1"])
@pytest.mark.parametrize("kind", WRONG_HEADERS)
def test_a_file_with_a_wrong_header_is_refused(tmp_path, kind, role):
    made = phantom()
    if kind == "voxel sizes alone":
        made.affine[:3, 3] += 1  # otherwise they happen to give the right position
    reading = read(made.write(tmp_path / "P", headers={role: WRONG_HEADERS[kind]}).parent)
    assert reading.scan is None
    (problem,) = reading.problems
    assert problem.kind == "position"
    assert problem.what.startswith("its mask: " if role == "seg" else "pre: ")


@pytest.mark.parametrize("role", ["seg", "t1"])
def test_a_header_reoriented_without_its_voxels_is_refused(tmp_path, role):
    made = phantom(centre=(0.0, 0.0, 0.0))  # here, LPS for RAS gives the same field of view
    reading = read(made.write(tmp_path / "P", headers={role: LPS @ made.affine}).parent)
    assert reading.scan is None
    assert [problem.kind for problem in reading.problems] == ["position"]
    assert "voxel by voxel" in reading.problems[0].what


@pytest.mark.parametrize("which", ["seg", "flair"])
def test_a_header_without_position_beside_one_with_it_is_refused(tmp_path, which):
    made = phantom()
    made.write(tmp_path / "P")
    write_nifti_volume(tmp_path / "P" / f"P_{which}.nii.gz", made.volumes[which], made.affine, codes=(0, 0))
    reading = read(tmp_path)
    assert reading.scan is None
    assert {problem.kind for problem in reading.problems} == {"position"}


def test_files_without_position_and_of_different_shapes_are_refused(tmp_path):
    made = phantom()
    made.affine = np.eye(4)
    cut = {"t1": lambda data, affine: (data[:20], affine)}
    reading = read(made.write(tmp_path / "P", headers=cut).parent)
    assert reading.scan is None
    assert [problem.kind for problem in reading.problems] == ["position"]


def test_a_mask_shifted_against_every_sequence_is_refused(tmp_path):
    made = phantom()
    shifted = made.affine.copy()
    shifted[:3, 3] += [10, 0, 0]  # two voxels
    reading = read(made.write(tmp_path / "P", headers={"seg": shifted}).parent)
    assert reading.scan is None
    assert "2.0 voxels away from FLAIR" in reading.problems[0].what
