"""Unsupported formats of other programs are reported by name, with a tool that converts them, wherever they are."""

from __future__ import annotations

import pytest
from phantom_files import patient_files, place_files, read
from scan_writers import make_scan, write_dicom

from components.common.errors import UserError
from components.sources import open_source
from components.sources.inputs import open_input

UNREAD = [
    ("flair.mha", "MetaImage (.mha)", "SimpleITK"),
    ("FLAIR.MHD", "MetaImage (.mhd)", "SimpleITK"),
    ("flair.seg.nrrd", "NRRD (.nrrd)", "3D Slicer"),
    ("flair.nhdr", "NRRD (.nhdr)", "3D Slicer"),
    ("flair.gipl.gz", "GIPL (.gipl.gz)", "SimpleITK"),
    ("FLAIR.mgz", "FreeSurfer's MGH (.mgz)", "mri_convert"),
    ("flair.img", "Analyze (.img)", "fslchfiletype"),
    ("flair+orig.HEAD", "AFNI (.head)", "3dAFNItoNIFTI"),
    ("flair+orig.BRIK.gz", "AFNI (.brik.gz)", "3dAFNItoNIFTI"),
    ("flair.mnc", "MINC (.mnc)", "mnc2nii"),
    ("flair.PAR", "Philips PAR/REC (.par)", "dcm2niix"),
    ("flair.mif.gz", "MRtrix (.mif.gz)", "mrconvert"),
]

SCAN = make_scan("P1")
WRITERS = [lambda root: place_files(root, *patient_files("P1", "P1")[:1]), lambda root: write_dicom(root, SCAN)]


def write_junk(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0" * 400)
    return path


@pytest.mark.parametrize(("name", "format_name", "tool"), UNREAD)
@pytest.mark.parametrize("target", ["file", "patient", "set"])
def test_an_input_in_an_unsupported_format_is_refused_by_name(tmp_path, name, format_name, tool, target):
    path = write_junk(tmp_path / "set" / "P1" / name)
    address = {"file": path, "patient": path.parent, "set": path.parent.parent}[target]
    with pytest.raises(UserError) as error, open_input(str(address)):
        pass
    message = str(error.value)
    assert message.startswith(f"{address}: ")
    assert f"{format_name} is not read; convert to NIfTI, with" in message
    assert tool in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("write", WRITERS, ids=["nifti", "dicom"])
@pytest.mark.parametrize("where", ["P2/flair.mha", "flair.mha"])
def test_unsupported_files_beside_patients_are_reported_as_lost(tmp_path, write, where):
    write(tmp_path)
    write_junk(tmp_path / where)
    with open_source(tmp_path) as source:
        (problem,) = source.problems
    assert problem.lost
    assert "MetaImage (.mha) is not read" in problem.what
    assert "SimpleITK" in problem.advice


@pytest.mark.parametrize("write", WRITERS, ids=["nifti", "dicom"])
def test_unsupported_files_in_a_patients_folder_are_reported(tmp_path, write):
    write(tmp_path)
    write_junk(tmp_path / "P1" / "P1_t1.nrrd")
    write_junk(tmp_path / "P1" / "more" / "P1_t1ce.mgz")
    readings, problems = read(tmp_path, masks=False)
    assert readings["P1"].scan is not None
    (problem,) = problems  # because one of them may be a sequence of the patient
    assert (problem.kind, problem.lost) == ("unknown", False)
    assert "NRRD (.nrrd) and FreeSurfer's MGH (.mgz) are not read" in problem.what
    assert "P1" not in str(problem)  # the folder may be named after a person


@pytest.mark.parametrize("name", ["flair.nii.bz2", "scans.7z", "IM1.dcm.gz", "scans.tar.zst", "flair.nii.zst"])
def test_other_compressed_files_are_refused_with_advice_to_unpack(tmp_path, name):
    with (
        pytest.raises(UserError, match=r"unpack it first.*\.tar\.gz.* are read"),
        open_input(str(write_junk(tmp_path / name))),
    ):
        pass


def test_an_archive_of_another_type_beside_patients_is_reported_as_lost(tmp_path):
    WRITERS[0](tmp_path)
    write_junk(tmp_path / "more.tar.zst")
    (problem,) = read(tmp_path, masks=False)[1]
    assert problem.lost
    assert "unpack" in problem.advice
