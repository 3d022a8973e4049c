"""A subject, a folder or one file as an argument: whose it is, and what is missing."""

from __future__ import annotations

import re

import pytest
from laid_out import lay, read

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
def test_a_subject_of_bids_keeps_its_name_wherever_one_points(tmp_path, address, patients):
    for folder, name in (("sub-01/ses-a", "sub-01_ses-a"), ("sub-01/ses-b", "sub-01_ses-b"), ("sub-02", "sub-02")):
        lay(tmp_path / "bids", f"{folder}/anat/{name}_FLAIR.nii.gz=F", f"{folder}/anat/{name}_T1w.nii.gz=T")
    readings, problems = read(tmp_path / "bids" / address, open_input, masks=False)
    assert (sorted(readings), problems) == (patients, [])
    assert all(reading.scan is not None and reading.problems == [] for reading in readings.values())


@pytest.mark.parametrize("inside", ["nifti", "NIfTI", "mri", "scans", "anat"])
def test_a_folder_that_says_what_its_files_are_names_nobody(tmp_path, inside):
    for name in ("P1", "P2"):
        lay(tmp_path, f"{name}/{inside}/flair.nii.gz=F", f"{name}/{inside}/t1.nii.gz=T")
        for address in (tmp_path / name, tmp_path / name / inside, tmp_path / name / inside / "flair.nii.gz"):
            assert list(read(address, open_input, masks=False)[0]) == [name]


def test_visits_of_a_person_keep_the_persons_name(tmp_path):
    for visit in ("baseline", "followup1"):
        lay(tmp_path, f"P1/{visit}/flair.nii.gz=F", f"P2/{visit}/flair.nii.gz=F")
    found = [name for person in ("P1", "P2") for name in read(tmp_path / person, open_input, masks=False)[0]]
    assert found == ["P1_ses-baseline", "P1_ses-followup1", "P2_ses-baseline", "P2_ses-followup1"]


def test_one_flair_file_is_a_scan_with_flair_for_what_is_missing(tmp_path):
    lay(tmp_path, "patient7_FLAIR.nii.gz=F", "patient7_T1.nii.gz=T")
    ((patient, reading),) = read(tmp_path / "patient7_FLAIR.nii.gz", open_input, masks=False)[0].items()
    assert (patient, reading.problems) == ("patient7", [])
    assert all(reading.scan.missing_sequences().values())


def test_one_file_of_another_sequence_or_of_none_is_refused_with_what_to_do(tmp_path):
    lay(tmp_path, "patient7_T1.nii.gz=T", "scan.nii.gz=F")
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
    ("files", "says"),
    [
        (["a.mha", "b.nrrd"], "MetaImage (.mha) and NRRD (.nrrd) are not read; convert to NIfTI"),
        (["x_t1.nii.gz"], "call it NAME_flair.nii.gz"),
    ],
)
def test_a_folder_in_which_nothing_is_known_is_told_what_to_do(tmp_path, files, says):
    for file in files:
        (tmp_path / file).write_bytes(b"x")
    with pytest.raises(UserError, match=re.escape(says)):
        read(tmp_path)
