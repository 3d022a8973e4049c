"""Sequences that cover only some of FLAIR's slices: FLAIR stands in on the others, and that is reported."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_edits import edit
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import phantom, write_nifti_volume
from read_positions import OPTIONS, read
from scan_writers import make_scan, write_dicom

from components.sources import open_source

SLICES = 12


def cut(first, count):
    def change(data, affine):
        moved = affine.copy()
        moved[:3, 3] += affine[:3, 2] * first
        return data[:, :, first : first + count], moved

    return change


@settings(max_examples=12, deadline=None)
@given(ends=st.tuples(st.integers(0, 4), st.integers(7, SLICES)))  # the first and the last slice show only air
def test_flair_stands_in_where_t1_ends(tmp_path_factory, ends):
    folder = tmp_path_factory.mktemp("cut")
    count = ends[1] - ends[0]
    reading = read(phantom().write(folder / "P", headers={"t1": cut(ends[0], count)}).parent)
    t1, flair = reading.scan.image[..., 0], reading.scan.image[..., 1]
    outside = np.ones(SLICES, bool)
    outside[slice(*ends)] = False
    np.testing.assert_array_equal(t1[outside], flair[outside])
    assert (t1[5:7] != flair[5:7]).any(axis=(1, 2)).all()
    reported = [problem.what for problem in reading.problems if problem.kind == "gap"]
    expected = f"pre covers {count} of FLAIR's 12 slices; FLAIR stands in for it on the others"
    assert reported == ([] if count > SLICES - 2 else [expected])


def test_a_narrower_field_of_view_is_no_gap(tmp_path):
    made = phantom()
    moved = made.affine.copy()
    moved[:3, 3] += made.affine[:3, 0] * 6
    write_nifti_volume(tmp_path / "P" / "P_flair.nii.gz", made.volumes["flair"], made.affine)
    write_nifti_volume(tmp_path / "P" / "P_t1.nii.gz", made.volumes["t1"][6:34], moved)
    write_nifti_volume(tmp_path / "P" / "P_seg.nii.gz", made.volumes["seg"], made.affine)
    reading = read(tmp_path)
    assert reading.problems == []
    assert (reading.scan.image[5:7, ..., 0] != reading.scan.image[5:7, ..., 1]).any()


def read_dicom(folder, change):
    write_dicom(folder, make_scan("P1"))
    edit(folder / "P1" / "flair", change)
    with open_source(folder) as source:
        (patient,) = source.patients
        reading = source.read(patient, OPTIONS)
    return reading, [problem.what for problem in reading.problems if problem.kind == "gap"]


@pytest.mark.parametrize(
    ("tags", "reported"),
    [
        (lambda number: {}, None),
        (lambda number: {"ImagesInAcquisition": 6}, None),
        (lambda number: {"ImagesInAcquisition": 8}, "holds 6 images where its headers count 8 (ImagesInAcquisition)"),
        (lambda number: {"InstanceNumber": 10 - number}, "holds images whose numbers begin with 5 (InstanceNumber)"),
        (lambda number: {"InstanceNumber": 12 - number}, None),
    ],
    ids=["as it was", "as many as counted", "two fewer", "from the fifth on", "counted through all series"],
)
def test_a_stack_cut_at_an_end_is_reported_and_read(tmp_path, tags, reported):
    def change(data, number):
        for name, value in tags(number).items():
            setattr(data, name, value)

    reading, gaps = read_dicom(tmp_path, change)
    assert gaps == ([reported] if reported else [])
    assert reading.scan is not None
