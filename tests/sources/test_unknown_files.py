"""Unrecognised files beside a scan: skipped, refused or lost, but never silently."""

from __future__ import annotations

import numpy as np
import pytest
from phantom_files import assert_complete, patient_files, place_files, read
from phantoms import phantom, write_nifti_volume
from scan_writers import make_scan, write_dicom

from components.sources import open_source


@pytest.mark.parametrize("unknown", ["brain.nii.gz", "FS_result.nii.gz", "x.nii"])
def test_an_unrecognised_file_beside_a_complete_set_is_reported(tmp_path, unknown):
    place_files(tmp_path, *patient_files("FS", "FS"), f"FS/{unknown}=T", "FS/FA.nii.gz=T", "FS/FS_ASL.nii.gz=T")
    ((_, reading),) = read(tmp_path)[0].items()
    assert reading.scan.mask.any()
    (problem,) = reading.problems
    assert (problem.kind, problem.what) == (
        "unknown",
        f"{unknown}: ignored, because the name does not identify a sequence",
    )


@pytest.mark.parametrize("name", ["bet_flair_bet_mask", "bet_brainmask", "sub_desc-brain_mask", "hd_bet_mask"])
def test_a_brain_mask_is_recognised_by_its_name(tmp_path, name):
    place_files(tmp_path, *patient_files("bet", "bet")[:3], f"bet/{name}.nii.gz=H")
    ((_, reading),) = read(tmp_path)[0].items()
    assert reading.scan.mask is None
    assert sorted(problem.kind for problem in reading.problems) == ["missing_mask", "unknown"]


@pytest.mark.parametrize("name", ["bet_flair_mask", "bet_mask", "bet_seg", "bet_tumor"])
def test_a_mask_of_the_head_is_refused_whatever_its_name(tmp_path, name):
    place_files(tmp_path, *patient_files("bet", "bet")[:3], f"bet/{name}.nii.gz=H")
    ((_, reading),) = read(tmp_path)[0].items()
    assert reading.scan is None
    (problem,) = reading.problems
    assert problem.kind == "mask_values"
    assert "of the head" in problem.what


@pytest.mark.parametrize("shape", [(40, 32, 12, 1, 3), (40, 32, 12, 3, 1)], ids=["channels last", "one at the end"])
def test_extra_axes_of_length_one_are_ignored(tmp_path, shape):
    made = phantom()
    stack = (
        (np.stack([made.volumes[role] for role in ("t1", "flair", "t1ce")], -1) // 8).astype(np.uint8).reshape(shape)
    )
    write_nifti_volume(tmp_path / "P1.nii.gz", stack, made.affine)
    write_nifti_volume(tmp_path / "P1_mask.nii.gz", made.volumes["seg"], made.affine)
    assert_complete(read(tmp_path)[0], "P1")


def test_four_dimensional_files_beside_folders_are_patients_too(tmp_path):
    made = phantom()
    place_files(tmp_path, *patient_files("P1", "P1"), *patient_files("P2", "P2"))
    stack = (np.stack([made.volumes[role] for role in ("t1", "flair", "t1ce")], -1) // 8).astype(np.uint8)
    write_nifti_volume(tmp_path / "P3.nii.gz", stack, made.affine)
    write_nifti_volume(tmp_path / "P3_mask.nii.gz", made.volumes["seg"], made.affine)
    readings, problems = read(tmp_path)
    assert_complete(readings, "P1", "P2", "P3")
    assert problems == []


@pytest.mark.parametrize("beside", ["T1_alone_t1.nii.gz", "other.mha", "IM0001.dcm", "odd/x.nrrd", "odd/y.mgz"])
def test_possible_scans_without_a_patient_are_reported_as_lost(tmp_path, beside):
    place_files(tmp_path, *patient_files("P1", "P1"), *patient_files("P2", "P2"))
    (tmp_path / beside).parent.mkdir(exist_ok=True)
    (tmp_path / beside).write_bytes(b"\0" * 200)
    (problem,) = read(tmp_path)[1]
    assert (problem.kind, problem.lost) == ("skipped", True)
    assert (beside if "/" not in beside else "odd") in problem.what


@pytest.mark.parametrize("beside", ["1.2.840.113619.2.5.1", "IM0001", "scan.dicom", "odd/1.2.840.9", "odd/IM0001"])
def test_dicom_without_a_patient_is_lost_whatever_its_name(tmp_path, beside):
    place_files(tmp_path, *patient_files("P1", "P1"), *patient_files("P2", "P2"))
    (tmp_path / beside).parent.mkdir(exist_ok=True)
    (tmp_path / beside).write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 100)
    assert any(problem.lost for problem in read(tmp_path)[1])


@pytest.mark.parametrize("damage", [b"", bytes(5000), b"<html>"], ids=["empty", "zeros", "error page"])
def test_a_patient_with_only_damaged_images_is_reported_as_lost(tmp_path, damage):
    for patient in ("P1", "P2"):
        for path in sorted(write_dicom(tmp_path, make_scan(patient), mask=False).rglob("*.dcm")):
            path.rename(path.with_suffix(""))
            if patient == "P2":
                path.with_suffix("").write_bytes(damage)
    with open_source(tmp_path) as source:
        assert source.patients == ["P1"]
        assert any(problem.lost for problem in source.problems)


@pytest.mark.parametrize(
    "beside", ["README", "participants.tsv", "docs/manual.pdf", "P1/P1.json", "derivatives/x/r.html"]
)
def test_files_that_are_not_scans_are_not_reported_as_lost(tmp_path, beside):
    place_files(tmp_path, *patient_files("P1", "P1"), *patient_files("P2", "P2"))
    (tmp_path / beside).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / beside).write_text("hello", encoding="utf-8")
    assert not any(problem.lost for problem in read(tmp_path)[1])
