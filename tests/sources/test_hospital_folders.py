"""Layouts of NIfTI files in hospitals: who the patients are, and which files belong to whom."""

from __future__ import annotations

import pytest
from phantom_files import assert_complete, patient_files, place_files, read
from pydicom import dcmread
from scan_writers import make_scan, write_dicom

from components.scans.identity import subject_of


def test_a_stray_file_is_lost_and_the_patients_beside_it_are_not(tmp_path):
    place_files(
        tmp_path,
        *patient_files("HGG/P1", "P1"),
        *patient_files("HGG/P2", "P2"),
        *patient_files("LGG/P3", "P3"),
        "HGG/atlas.nii.gz=T",
    )
    readings, problems = read(tmp_path)
    assert_complete(readings, "P1", "P2", "P3")
    assert [problem.lost for problem in problems] == [True]


def test_plainly_named_masks_in_a_masks_folder_are_read(tmp_path):
    for name in ("P1", "P2"):
        place_files(
            tmp_path,
            *(f"images/{file.removeprefix('./')}" for file in patient_files(".", name)[:3]),
            f"masks/{name}.nii.gz=B",
        )
    readings, problems = read(tmp_path)
    assert_complete(readings, "P1", "P2")
    assert problems == []


def test_erasmus_glioma_database_with_a_folder_per_scan_is_read(tmp_path):
    for name in ("EGD-0001", "EGD-0002"):
        kinds = ("1_T1", "T1=T"), ("2_T1GD", "T1GD=C"), ("3_T2", "T2=F"), ("4_FLAIR", "FLAIR=F"), ("5_MASK", "MASK=B")
        for folder, file in kinds:
            place_files(tmp_path, f"{name}/{folder}/NIFTI/{file[:-2]}.nii.gz{file[-2:]}")
    assert_complete(read(tmp_path)[0], "EGD-0001", "EGD-0002")


@pytest.mark.parametrize("identity", ["", "12345"])
def test_dicom_in_sourcedata_does_not_hide_the_bids_set(tmp_path, identity):
    place_files(tmp_path, *patient_files("sub-01/anat", "sub-01", "FLAIR", "T1w", "ce-gd_T1w", "label-lesion_mask"))
    place_files(tmp_path, *patient_files("sub-02/anat", "sub-02", "FLAIR", "T1w", "ce-gd_T1w", "label-lesion_mask"))
    write_dicom(tmp_path / "sourcedata", make_scan("sub-01"), mask=False)
    for path in (tmp_path / "sourcedata").rglob("*.dcm"):
        data = dcmread(path)
        data.PatientID = identity
        data.save_as(path)
    readings, problems = read(tmp_path)
    assert_complete(readings, "sub-01", "sub-02")
    assert problems == []


def test_dicom_without_identity_is_reported_once_and_not_by_name(tmp_path):
    place_files(tmp_path, *patient_files("P1", "P1"), *patient_files("P2", "P2"))
    for name in ("DOE_JOHN/a.dcm", "DOE_JOHN/series/b.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    readings, problems = read(tmp_path)
    assert_complete(readings, "P1", "P2")
    assert [(problem.kind, problem.lost) for problem in problems] == [("identity", True)]
    assert "DOE" not in str(problems)


def test_brain_extraction_outputs_are_not_taken_for_the_tumour(tmp_path):
    place_files(tmp_path, *patient_files("P1", "P1"), "P1/P1_flair_mask.nii.gz=H", "P1/P1_flair_bet.nii.gz=F")
    ((_, reading),) = read(tmp_path)[0].items()
    assert reading.scan.mask.any()
    assert sorted(problem.what for problem in reading.problems) == [
        "P1_flair.nii.gz is used as FLAIR, not P1_flair_bet.nii.gz",
        "P1_seg.nii.gz is used as the mask, not P1_flair_mask.nii.gz",
    ]


def test_visits_in_their_own_folders_belong_to_one_person(tmp_path):
    for person in ("100010", "100011"):
        for visit in ("time01", "time02"):
            place_files(tmp_path, *patient_files(f"{person}/{visit}", f"{person}_{visit}"))
    readings, _ = read(tmp_path)
    assert len(readings) == 4
    assert {subject_of(name) for name in readings} == {"100010", "100011"}


def test_subfolders_without_identity_stay_with_their_parent(tmp_path):
    for top in ("A", "B"):
        for sub in ("x1", "x2"):
            place_files(tmp_path, f"{top}/{sub}/flair.nii.gz=F", f"{top}/{sub}/seg.nii.gz=B")
    readings, problems = read(tmp_path)
    assert {subject_of(name) for name in readings} == {"A", "B"}
    assert [problem.kind for problem in problems] == ["choice", "choice"]


def test_patients_of_the_same_name_in_two_groups_stay_separate(tmp_path):
    place_files(
        tmp_path,
        *patient_files("site-1/001", "001"),
        *patient_files("site-2/001", "001"),
        *patient_files("site-2/002", "002"),
    )
    assert_complete(read(tmp_path)[0], "001", "site-2_001", "002")


def test_files_in_one_folder_are_grouped_by_their_common_names(tmp_path):
    place_files(tmp_path, *(file.removeprefix("./") for name in ("P1", "P2") for file in patient_files(".", name)))
    readings, problems = read(tmp_path)
    assert_complete(readings, "P1", "P2")
    assert problems == []


def test_a_folder_per_sequence_is_read(tmp_path):
    for name in ("P1", "P2"):
        place_files(
            tmp_path,
            *(f"{name}/{kind}/0001.nii.gz={what}" for kind, what in zip(("FLAIR", "T1", "T1_KM"), "FTC", strict=True)),
        )
        place_files(tmp_path, f"{name}/seg/0001_seg.nii.gz=B")
    assert_complete(read(tmp_path)[0], "P1", "P2")
