"""Nobody gets another's name or is dropped: persons in nested folders, in one folder, in archives beside the others."""

from __future__ import annotations

import shutil
import tarfile
import zipfile

import numpy as np
import pytest
from laid_out import full, lay
from pydicom import dcmread
from test_dicom import OPTIONS
from written_scans import made_up_scan, write_dicom, write_series

from components.sources import open_source


def one_flair(place, patient, **tags):
    write_series(place, made_up_scan(patient), "flair", **tags)


def patients_of(root):
    """Patients of a source to the noise that was drawn for them, and the source's problems."""
    with open_source(root) as source:
        readings = {patient: source.read(patient, OPTIONS, masks=False) for patient in source.patients}
        return readings, source.problems


def assert_own(readings, **drawn):
    """Each patient has the pictures of the one named."""
    assert sorted(readings) == sorted(drawn)
    for patient, name in drawn.items():
        np.testing.assert_array_equal(readings[patient].scan.image[..., 1], made_up_scan(name).image[..., 1])


@pytest.mark.parametrize("series", ["", "flair"], ids=["files", "a folder a series"])
@pytest.mark.parametrize("above", ["north", "manifest-1/north", "north/a/b"])
def test_persons_in_a_folder_of_folders_keep_their_names(tmp_path, above, series):
    for name in ("A", "B", "C"):
        one_flair(tmp_path / "set" / above / name / series, name)
    one_flair(tmp_path / "set" / "south" / "D" / series, "D")
    readings, problems = patients_of(tmp_path / "set")
    assert_own(readings, A="A", B="B", C="C", D="D")
    assert problems == []


def test_a_persons_two_examinations_beside_another_person_are_hers(tmp_path):
    for visit in (1, 2):
        one_flair(tmp_path / "north" / f"A{visit}", "A", StudyInstanceUID=f"1.2.{visit}")
    one_flair(tmp_path / "north" / "B", "B")
    one_flair(tmp_path / "south" / "C", "C")
    readings, _ = patients_of(tmp_path)
    assert_own(readings, A="A", A_exam2="A", B="B", C="C")


def test_a_document_beside_the_persons_changes_nothing(tmp_path):
    for name in ("A", "B"):
        one_flair(tmp_path / "north" / name, name)
    (tmp_path / "north" / "README.txt").write_text("hello", encoding="utf-8")
    one_flair(tmp_path / "south" / "C", "C")
    assert_own(patients_of(tmp_path)[0], A="A", B="B", C="C")


def test_a_person_without_identity_among_others_is_lost(tmp_path):
    one_flair(tmp_path / "north" / "A", "A")
    one_flair(tmp_path / "north" / "B", "B")
    one_flair(tmp_path / "north" / "C", "C", PatientID="")
    one_flair(tmp_path / "south" / "D", "D")
    readings, (problem,) = patients_of(tmp_path)
    assert_own(readings, A="A", B="B", D="D")
    assert (problem.kind, problem.lost) == ("identity", True)


@pytest.mark.parametrize("place", ["P", "P/t1"], ids=["one folder", "a series of somebody else"])
def test_images_of_two_persons_in_one_folder_are_no_scan(tmp_path, place):
    """Whose would the mask be? One of the two would be dropped, or get the other's outline."""
    folder = write_dicom(tmp_path, made_up_scan("P"), mask=False)
    write_series(tmp_path / place, made_up_scan("Q"), "pre", StudyInstanceUID=study(folder))
    (reading,) = patients_of(tmp_path)[0].values()
    assert reading.scan is None
    (problem,) = reading.problems
    assert (problem.kind, problem.what) == ("identity", "its folder holds files of 2 patients")


def study(folder):
    return dcmread(next(folder.rglob("*.dcm"))).StudyInstanceUID


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ("flair/IM0001.dcm", "some of the files in its folder have no PatientID"),
        ("seg.dcm", "a mask in its folder has"),
    ],
)
def test_one_file_of_unknown_owner_is_told(tmp_path, changed, says):
    folder = write_dicom(tmp_path, made_up_scan("P"))
    data = dcmread(folder / changed)
    data.PatientID = "" if "flair" in changed else "P-anonymous"
    data.save_as(folder / changed)
    reading = patients_of(tmp_path)[0]["P"]
    assert reading.scan is not None
    (problem,) = reading.problems
    assert says in problem.what


def zipped(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*.nii.gz"):
            archive.write(file, file.relative_to(folder.parent))


def tarred(folder, path):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, folder.name)


def pretended(_, path):
    path.write_bytes(b"7z or rar")


@pytest.mark.parametrize(("suffix", "pack"), [(".zip", zipped), (".tar.gz", tarred), (".7z", pretended)])
@pytest.mark.parametrize("unpacked", [False, True], ids=["packed", "unpacked beside it"])
def test_an_archive_beside_the_patients_is_lost_unless_it_was_unpacked(tmp_path, suffix, pack, unpacked):
    lay(tmp_path, *full("P1", "P1"), *full("P2", "P2"), *full("P3", "P3"))
    pack(tmp_path / "P3", tmp_path / f"download{suffix}")
    if not unpacked:
        shutil.rmtree(tmp_path / "P3")
    problems = patients_of(tmp_path)[1]
    if unpacked and suffix != ".7z":
        assert problems == []
        return
    (problem,) = problems
    assert problem.lost
    assert f"download{suffix}" in problem.what
    assert "unpack" in problem.advice


def test_packed_scans_beside_the_patients_are_lost_and_packed_tables_are_not(tmp_path):
    lay(tmp_path, *full("P1", "P1"), *full("P2", "P2"))
    (tmp_path / "table.csv.gz").write_bytes(b"x")
    assert patients_of(tmp_path)[1] == []
    (tmp_path / "P3").mkdir()
    (tmp_path / "P3" / "flair.nii.bz2").write_bytes(b"x")
    (problem,) = patients_of(tmp_path)[1]
    assert problem.lost
    assert "unpack" in problem.advice


def test_an_empty_folder_beside_the_patients_is_told(tmp_path):
    lay(tmp_path, *full("P1", "P1"), *full("P2", "P2"))
    (tmp_path / "P3").mkdir()
    (problem,) = patients_of(tmp_path)[1]
    assert problem.what == "1 folder(s) beside the patients are empty: P3"
