"""A subject, a folder or a single file as input: which patient it is, and what is missing."""

from __future__ import annotations

import re

import pytest
from phantom_files import place_files, read

from components.common.errors import UserError
from components.sources.inputs import open_input


@pytest.mark.parametrize(
    ("address", "patients"),
    [
        ("sub-01", ["sub-01_ses-a", "sub-01_ses-b"]),
        ("sub-01/ses-b", ["sub-01_ses-b"]),
        ("sub-01/ses-b/anat", ["sub-01_ses-b"]),
        ("sub-02", ["sub-02"]),
        ("sub-02/anat", ["sub-02"]),
        ("sub-02/anat/sub-02_FLAIR.nii.gz", ["sub-02"]),
        ("", ["sub-01_ses-a", "sub-01_ses-b", "sub-02"]),
    ],
)
def test_a_bids_subject_keeps_its_name_at_any_folder_level(tmp_path, address, patients):
    for folder, name in (("sub-01/ses-a", "sub-01_ses-a"), ("sub-01/ses-b", "sub-01_ses-b"), ("sub-02", "sub-02")):
        place_files(tmp_path / "bids", f"{folder}/anat/{name}_FLAIR.nii.gz=F", f"{folder}/anat/{name}_T1w.nii.gz=T")
    readings, problems = read(tmp_path / "bids" / address, open_input, masks=False)
    assert (sorted(readings), problems) == (patients, [])
    assert all(reading.scan is not None and reading.problems == [] for reading in readings.values())


@pytest.mark.parametrize("inside", ["nifti", "NIfTI", "mri", "scans", "anat"])
def test_a_folder_named_after_its_contents_is_not_a_patient_name(tmp_path, inside):
    for name in ("P1", "P2"):
        place_files(tmp_path, f"{name}/{inside}/flair.nii.gz=F", f"{name}/{inside}/t1.nii.gz=T")
        for address in (tmp_path / name, tmp_path / name / inside, tmp_path / name / inside / "flair.nii.gz"):
            assert list(read(address, open_input, masks=False)[0]) == [name]


def test_visits_of_a_person_keep_the_persons_name(tmp_path):
    for visit in ("baseline", "followup1"):
        place_files(tmp_path, f"P1/{visit}/flair.nii.gz=F", f"P2/{visit}/flair.nii.gz=F")
    found = [name for person in ("P1", "P2") for name in read(tmp_path / person, open_input, masks=False)[0]]
    assert found == ["P1_ses-baseline", "P1_ses-followup1", "P2_ses-baseline", "P2_ses-followup1"]


def test_a_single_flair_file_is_a_scan_with_the_rest_missing(tmp_path):
    place_files(tmp_path, "patient7_FLAIR.nii.gz=F", "patient7_T1.nii.gz=T")
    ((patient, reading),) = read(tmp_path / "patient7_FLAIR.nii.gz", open_input, masks=False)[0].items()
    assert (patient, reading.problems) == ("patient7", [])
    assert all(reading.scan.missing_sequences().values())


def test_a_single_file_that_is_not_flair_is_refused_with_advice(tmp_path):
    place_files(tmp_path, "patient7_T1.nii.gz=T", "scan.nii.gz=F")
    with pytest.raises(UserError, match=r"T1 by its name; FLAIR is needed: give the patient's folder"):
        read(tmp_path / "patient7_T1.nii.gz", open_input, masks=False)
    ((_, reading),) = read(tmp_path / "scan.nii.gz", open_input, masks=False)[0].items()
    (problem,) = reading.problems
    assert problem.advice == "if it is FLAIR, call it scan_flair.nii.gz"
    (tmp_path / "scan.nii.gz").rename(tmp_path / "scan_flair.nii.gz")
    ((patient, reading),) = read(tmp_path / "scan_flair.nii.gz", open_input, masks=False)[0].items()
    assert patient == "scan"
    assert reading.scan is not None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a.mha", "b.nrrd"], "MetaImage (.mha) and NRRD (.nrrd) are not read; convert to NIfTI"),
        (["x_t1.nii.gz"], "call it NAME_flair.nii.gz"),
    ],
)
def test_a_folder_without_known_files_is_refused_with_advice(tmp_path, files, message):
    for file in files:
        (tmp_path / file).write_bytes(b"x")
    with pytest.raises(UserError, match=re.escape(message)):
        read(tmp_path)
