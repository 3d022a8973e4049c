"""How hospitals lay NIfTI files out: who the patients are, and what belongs to whom."""

from __future__ import annotations

import pytest
from laid_out import assert_whole, full, lay, read
from pydicom import dcmread
from written_scans import made_up_scan, write_dicom

from components.scans.identity import subject_of


def test_a_file_beside_the_persons_of_a_group_is_lost_and_they_are_not(tmp_path):
    lay(tmp_path, *full("HGG/P1", "P1"), *full("HGG/P2", "P2"), *full("LGG/P3", "P3"), "HGG/atlas.nii.gz=T")
    readings, problems = read(tmp_path)
    assert_whole(readings, "P1", "P2", "P3")
    assert [problem.lost for problem in problems] == [True]


def test_masks_without_a_word_in_a_folder_of_masks(tmp_path):
    for name in ("P1", "P2"):
        lay(tmp_path, *(f"images/{file.removeprefix('./')}" for file in full(".", name)[:3]), f"masks/{name}.nii.gz=B")
    readings, problems = read(tmp_path)
    assert_whole(readings, "P1", "P2")
    assert problems == []


def test_erasmus_glioma_database_with_a_folder_a_scan(tmp_path):
    for name in ("EGD-0001", "EGD-0002"):
        kinds = ("1_T1", "T1=T"), ("2_T1GD", "T1GD=C"), ("3_T2", "T2=F"), ("4_FLAIR", "FLAIR=F"), ("5_MASK", "MASK=B")
        for folder, file in kinds:
            lay(tmp_path, f"{name}/{folder}/NIFTI/{file[:-2]}.nii.gz{file[-2:]}")
    assert_whole(read(tmp_path)[0], "EGD-0001", "EGD-0002")


@pytest.mark.parametrize("identity", ["", "12345"])
def test_the_dicom_that_bids_was_made_from_does_not_hide_it(tmp_path, identity):
    lay(tmp_path, *full("sub-01/anat", "sub-01", "FLAIR", "T1w", "ce-gd_T1w", "label-lesion_mask"))
    lay(tmp_path, *full("sub-02/anat", "sub-02", "FLAIR", "T1w", "ce-gd_T1w", "label-lesion_mask"))
    write_dicom(tmp_path / "sourcedata", made_up_scan("sub-01"), mask=False)
    for path in (tmp_path / "sourcedata").rglob("*.dcm"):
        data = dcmread(path)
        data.PatientID = identity
        data.save_as(path)
    readings, problems = read(tmp_path)
    assert_whole(readings, "sub-01", "sub-02")
    assert problems == []


def test_dicom_without_identity_beside_nifti_is_told_once_and_not_by_name(tmp_path):
    lay(tmp_path, *full("P1", "P1"), *full("P2", "P2"))
    for name in ("DOE_JOHN/a.dcm", "DOE_JOHN/series/b.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    readings, problems = read(tmp_path)
    assert_whole(readings, "P1", "P2")
    assert [(problem.kind, problem.lost) for problem in problems] == [("identity", True)]
    assert "DOE" not in str(problems)


def test_what_brain_extraction_leaves_beside_the_scan_is_not_taken_for_the_tumour(tmp_path):
    lay(tmp_path, *full("P1", "P1"), "P1/P1_flair_mask.nii.gz=H", "P1/P1_flair_bet.nii.gz=F")
    ((_, reading),) = read(tmp_path)[0].items()
    assert reading.scan.mask.any()
    assert sorted(problem.what for problem in reading.problems) == [
        "P1_flair.nii.gz is taken for FLAIR, and not P1_flair_bet.nii.gz",
        "P1_seg.nii.gz is taken for the mask, and not P1_flair_mask.nii.gz",
    ]


def test_a_folder_a_visit_is_one_person(tmp_path):
    for person in ("100010", "100011"):
        for visit in ("time01", "time02"):
            lay(tmp_path, *full(f"{person}/{visit}", f"{person}_{visit}"))
    readings, _ = read(tmp_path)
    assert len(readings) == 4
    assert {subject_of(name) for name in readings} == {"100010", "100011"}


def test_folders_of_which_nothing_tells_whose_they_are_stay_together(tmp_path):
    for top in ("A", "B"):
        for sub in ("x1", "x2"):
            lay(tmp_path, f"{top}/{sub}/flair.nii.gz=F", f"{top}/{sub}/seg.nii.gz=B")
    readings, problems = read(tmp_path)
    assert {subject_of(name) for name in readings} == {"A", "B"}
    assert [problem.kind for problem in problems] == ["choice", "choice"]


def test_patients_of_one_name_in_two_groups_are_two(tmp_path):
    lay(tmp_path, *full("site-1/001", "001"), *full("site-2/001", "001"), *full("site-2/002", "002"))
    assert_whole(read(tmp_path)[0], "001", "site-2_001", "002")


def test_files_side_by_side_are_sorted_by_what_their_names_have_in_common(tmp_path):
    lay(tmp_path, *(file.removeprefix("./") for name in ("P1", "P2") for file in full(".", name)))
    readings, problems = read(tmp_path)
    assert_whole(readings, "P1", "P2")
    assert problems == []


def test_a_folder_a_sequence(tmp_path):
    for name in ("P1", "P2"):
        lay(
            tmp_path,
            *(f"{name}/{kind}/0001.nii.gz={what}" for kind, what in zip(("FLAIR", "T1", "T1_KM"), "FTC", strict=True)),
        )
        lay(tmp_path, f"{name}/seg/0001_seg.nii.gz=B")
    assert_whole(read(tmp_path)[0], "P1", "P2")
