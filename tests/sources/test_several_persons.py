"""No person is dropped or mistaken for another: in nested folders, in one folder, in archives beside the others."""

from __future__ import annotations

import shutil
import tarfile
import zipfile

import numpy as np
import pytest
from phantom_files import patient_files, place_files
from pydicom import dcmread
from scan_writers import make_scan, write_dicom, write_series
from test_dicom import OPTIONS

from components.sources import open_source


def write_flair(place, patient, **tags):
    write_series(place, make_scan(patient), "flair", **tags)


def patients_of(root):
    """Readings of a source by patient, and the source's own problems."""
    with open_source(root) as source:
        readings = {patient: source.read(patient, OPTIONS, masks=False) for patient in source.patients}
        return readings, source.problems


def assert_images_of(readings, **expected):
    """Each patient, given as a keyword, has the images that were made for the given name."""
    assert sorted(readings) == sorted(expected)
    for patient, name in expected.items():
        np.testing.assert_array_equal(readings[patient].scan.image[..., 1], make_scan(name).image[..., 1])


@pytest.mark.parametrize("series", ["", "flair"], ids=["files", "a folder a series"])
@pytest.mark.parametrize("above", ["north", "manifest-1/north", "north/a/b"])
def test_persons_in_nested_folders_keep_their_names(tmp_path, above, series):
    for name in ("A", "B", "C"):
        write_flair(tmp_path / "set" / above / name / series, name)
    write_flair(tmp_path / "set" / "south" / "D" / series, "D")
    readings, problems = patients_of(tmp_path / "set")
    assert_images_of(readings, A="A", B="B", C="C", D="D")
    assert problems == []


def test_two_examinations_stay_with_their_person_beside_another(tmp_path):
    for visit in (1, 2):
        write_flair(tmp_path / "north" / f"A{visit}", "A", StudyInstanceUID=f"1.2.{visit}")
    write_flair(tmp_path / "north" / "B", "B")
    write_flair(tmp_path / "south" / "C", "C")
    readings, _ = patients_of(tmp_path)
    assert_images_of(readings, A="A", A_exam2="A", B="B", C="C")


def test_a_document_beside_the_persons_changes_nothing(tmp_path):
    for name in ("A", "B"):
        write_flair(tmp_path / "north" / name, name)
    (tmp_path / "north" / "README.txt").write_text("hello", encoding="utf-8")
    write_flair(tmp_path / "south" / "C", "C")
    assert_images_of(patients_of(tmp_path)[0], A="A", B="B", C="C")


def test_a_person_without_a_patient_id_is_reported_as_lost(tmp_path):
    write_flair(tmp_path / "north" / "A", "A")
    write_flair(tmp_path / "north" / "B", "B")
    write_flair(tmp_path / "north" / "C", "C", PatientID="")
    write_flair(tmp_path / "south" / "D", "D")
    readings, (problem,) = patients_of(tmp_path)
    assert_images_of(readings, A="A", B="B", D="D")
    assert (problem.kind, problem.lost) == ("identity", True)


@pytest.mark.parametrize("place", ["P", "P/t1"], ids=["one folder", "a series of somebody else"])
def test_images_of_two_persons_in_one_folder_are_refused(tmp_path, place):
    """Otherwise one of the two would be dropped, or get the other's outline."""
    folder = write_dicom(tmp_path, make_scan("P"), mask=False)
    write_series(tmp_path / place, make_scan("Q"), "pre", StudyInstanceUID=study_uid(folder))
    (reading,) = patients_of(tmp_path)[0].values()
    assert reading.scan is None
    (problem,) = reading.problems
    assert (problem.kind, problem.what) == ("identity", "its folder holds files of 2 patients")


def study_uid(folder):
    return dcmread(next(folder.rglob("*.dcm"))).StudyInstanceUID


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("flair/IM0001.dcm", "some of the files in its folder have no PatientID"),
        ("seg.dcm", "a mask in its folder has"),
    ],
)
def test_a_file_of_unknown_owner_is_reported(tmp_path, changed, message):
    folder = write_dicom(tmp_path, make_scan("P"))
    data = dcmread(folder / changed)
    data.PatientID = "" if "flair" in changed else "P-anonymous"
    data.save_as(folder / changed)
    reading = patients_of(tmp_path)[0]["P"]
    assert reading.scan is not None
    (problem,) = reading.problems
    assert message in problem.what


def write_zip(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*.nii.gz"):
            archive.write(file, file.relative_to(folder.parent))


def write_tar(folder, path):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, folder.name)


def write_junk(_, path):
    path.write_bytes(b"7z or rar")


@pytest.mark.parametrize(("suffix", "pack"), [(".zip", write_zip), (".tar.gz", write_tar), (".7z", write_junk)])
@pytest.mark.parametrize("unpacked", [False, True], ids=["packed", "unpacked beside it"])
def test_an_archive_beside_the_patients_is_lost_unless_unpacked(tmp_path, suffix, pack, unpacked):
    place_files(tmp_path, *patient_files("P1", "P1"), *patient_files("P2", "P2"), *patient_files("P3", "P3"))
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


def test_compressed_scans_are_lost_and_compressed_tables_are_not(tmp_path):
    place_files(tmp_path, *patient_files("P1", "P1"), *patient_files("P2", "P2"))
    (tmp_path / "table.csv.gz").write_bytes(b"x")
    assert patients_of(tmp_path)[1] == []
    (tmp_path / "P3").mkdir()
    (tmp_path / "P3" / "flair.nii.bz2").write_bytes(b"x")
    (problem,) = patients_of(tmp_path)[1]
    assert problem.lost
    assert "unpack" in problem.advice


def test_an_empty_folder_beside_the_patients_is_reported(tmp_path):
    place_files(tmp_path, *patient_files("P1", "P1"), *patient_files("P2", "P2"))
    (tmp_path / "P3").mkdir()
    (problem,) = patients_of(tmp_path)[1]
    assert problem.what == "1 folder(s) beside the patients are empty: P3"
