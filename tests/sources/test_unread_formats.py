"""Formats that other programs write and no reader here knows: named, with what converts them, wherever they lie."""

from __future__ import annotations

import pytest
from laid_out import full, lay, read
from written_scans import made_up_scan, write_dicom

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

SCAN = made_up_scan("P1")
WRITERS = [lambda root: lay(root, *full("P1", "P1")[:1]), lambda root: write_dicom(root, SCAN)]


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0" * 400)
    return path


@pytest.mark.parametrize(("name", "format_name", "tool"), UNREAD)
@pytest.mark.parametrize("given", ["file", "patient", "set"])
def test_an_input_in_such_a_format_is_refused_by_the_formats_name(tmp_path, name, format_name, tool, given):
    path = put(tmp_path / "set" / "P1" / name)
    address = {"file": path, "patient": path.parent, "set": path.parent.parent}[given]
    with pytest.raises(UserError) as error, open_input(str(address)):
        pass
    said = str(error.value)
    assert said.startswith(f"{address}: ")
    assert f"{format_name} is not read; convert to NIfTI, with" in said
    assert tool in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("write", WRITERS, ids=["nifti", "dicom"])
@pytest.mark.parametrize("where", ["P2/flair.mha", "flair.mha"])
def test_beside_patients_they_are_lost_scans(tmp_path, write, where):
    write(tmp_path)
    put(tmp_path / where)
    with open_source(tmp_path) as source:
        (problem,) = source.problems
    assert problem.lost
    assert "MetaImage (.mha) is not read" in problem.what
    assert "SimpleITK" in problem.advice


@pytest.mark.parametrize("write", WRITERS, ids=["nifti", "dicom"])
def test_in_a_patients_folder_they_are_told_because_one_may_be_a_sequence(tmp_path, write):
    write(tmp_path)
    put(tmp_path / "P1" / "P1_t1.nrrd")
    put(tmp_path / "P1" / "more" / "P1_t1ce.mgz")
    readings, problems = read(tmp_path, masks=False)
    assert readings["P1"].scan is not None
    (problem,) = problems
    assert (problem.kind, problem.lost) == ("unknown", False)
    assert "NRRD (.nrrd) and FreeSurfer's MGH (.mgz) are not read" in problem.what
    assert "P1" not in str(problem)  # the folder may be named after a person


@pytest.mark.parametrize("name", ["flair.nii.bz2", "scans.7z", "IM1.dcm.gz"])
def test_a_file_packed_in_another_way_is_refused_as_packed(tmp_path, name):
    with pytest.raises(UserError, match="unpack it first"), open_input(str(put(tmp_path / name))):
        pass
