"""DICOM examinations as archives, de-identifiers and home-made exports leave them."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_edits import edit
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from scan_writers import AFFINE, NAME, make_scan, multi_frame, write_dicom
from scipy.spatial.transform import Rotation
from test_dicom import OPTIONS, read

from components.common.errors import UserError
from components.sources import open_source
from components.sources.inputs import open_input


def bare(implicit, little=True):
    """Strip a file to its data set, without preamble and file header."""

    def strip(path):
        data = dcmread(path)
        file = DicomBytesIO()
        file.is_implicit_VR, file.is_little_endian = implicit, little
        plain = Dataset(data)
        plain["PixelData"].VR = "OB"  # words would be byte-swapped
        write_dataset(file, plain)
        path.write_bytes(file.getvalue())

    return strip


def without_preamble(path):
    """Keep the file header, but drop the 132 bytes before it."""
    path.write_bytes(path.read_bytes()[132:])


@pytest.mark.parametrize("named", [True, False], ids=["named .dcm", "without suffix"])
@pytest.mark.parametrize(
    "strip",
    [bare(implicit=True), bare(implicit=False), bare(implicit=False, little=False), without_preamble],
    ids=["implicit", "explicit", "big endian", "header without preamble"],
)
def test_data_sets_without_part_10_wrapping_are_read(tmp_path, strip, named):
    scan = make_scan()
    folder = write_dicom(tmp_path, scan, mask=False)
    for path in sorted(folder.rglob("*.dcm")):
        strip(path)
        if not named:
            path.rename(path.with_suffix(""))
    with open_input(str(folder)) as source:
        assert source.patients == [NAME]
        reading = source.read(NAME, OPTIONS, masks=False)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.image, scan.image)


@pytest.mark.parametrize(
    "head", [b"", b"hello", bytes(200), b"\x08\x00" * 100, b"\\\x01\0\0" + bytes(400), b"II*\0" * 40]
)
def test_other_files_are_not_taken_for_bare_data_sets(tmp_path, head):
    folder = write_dicom(tmp_path, make_scan())
    (folder / "notes").write_bytes(head)
    assert read(tmp_path).problems == []


@pytest.mark.parametrize("name", ["IM{}", "1.2.840.113619.2.{}", "0000000{}", "MR.1.2.{}"])
@pytest.mark.parametrize("damage", [b"", bytes(5000), b"<html>not found</html>"], ids=["empty", "zeros", "error page"])
def test_a_damaged_image_without_a_suffix_is_reported(tmp_path, name, damage):
    folder = write_dicom(tmp_path, make_scan())
    for number, path in enumerate(sorted((folder / "flair").iterdir())):
        path.rename(path.with_name(name.format(number)))
    last = max((folder / "flair").iterdir(), key=lambda path: int(path.name.rpartition(".")[2].strip("IM")))
    last.write_bytes(damage)
    assert "unreadable" in {problem.kind for problem in read(tmp_path).problems}


def series_uid_per_slice(data, number):
    data.SeriesInstanceUID = f"1.2.3.{number + 1}"


def series_uid_and_number_per_slice(data, number):
    series_uid_per_slice(data, number)
    data.SeriesNumber = number + 1


def one_uid_for_all_series(data, _):
    data.SeriesInstanceUID = "1.2.3"


def one_instance_uid(data, _):
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.{data.SeriesNumber}"


def one_instance_uid_for_all_series(data, _):
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"


def no_instance_uids(data, _):
    del data.SOPInstanceUID


def no_uids(data, _):
    del data.SOPInstanceUID, data.SeriesInstanceUID


def no_frame_of_reference(data, _):
    del data.FrameOfReferenceUID


def no_modality(data, _):
    del data.Modality


def noisy_spacing(data, number):
    data.PixelSpacing = [1.0 + 1e-5 * (number % 2), 1.0]


@pytest.mark.parametrize(
    "change",
    [
        *(series_uid_per_slice, series_uid_and_number_per_slice, one_uid_for_all_series, one_instance_uid),
        *(one_instance_uid_for_all_series, no_instance_uids, no_uids),
        *(no_frame_of_reference, no_modality, noisy_spacing),
    ],
    ids=lambda change: change.__name__,
)
def test_sloppy_identifiers_and_rounding_are_tolerated(tmp_path, change):
    scan = make_scan()
    folder = write_dicom(tmp_path, scan, mask=False)
    edit(folder, change)
    with open_source(tmp_path) as source:
        reading = source.read(NAME, OPTIONS, masks=False)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.image, scan.image)


def test_a_broken_orientation_of_one_slice_is_reported(tmp_path):
    folder = write_dicom(tmp_path, make_scan(), mask=False)
    path = folder / "flair" / "IM0001.dcm"
    edit(path.parent, series_uid_per_slice)
    damaged = path.read_bytes().replace(b"1.0\\", b"o.0\\", 1)
    assert damaged != path.read_bytes()
    path.write_bytes(damaged)
    with open_source(tmp_path) as source:
        problems = source.read(NAME, OPTIONS, masks=False).problems
    assert [problem.kind for problem in problems] == ["unreadable"]


@pytest.mark.parametrize("digits", [2, 3])
def test_rounded_orientations_are_read(tmp_path, digits):
    affine = AFFINE.copy()
    affine[:3, :3] = Rotation.from_euler("xyz", [17, -9, 23], degrees=True).as_matrix() @ AFFINE[:3, :3]
    scan = make_scan(affine=affine)
    folder = write_dicom(tmp_path, scan, mask=False)

    def rounded(data, _):
        data.ImageOrientationPatient = [round(float(x), digits) for x in data.ImageOrientationPatient]

    edit(folder, rounded)
    with open_source(tmp_path) as source:
        reading = source.read(NAME, OPTIONS, masks=False)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.image, scan.image)
    corner = affine @ [32, 32, 6, 1]
    assert np.abs(reading.scan.affine @ [32, 32, 6, 1] - corner).max() < 0.6 * 10.0 ** (2 - digits)


def test_a_single_multi_frame_file_is_a_patient(tmp_path):
    scan = make_scan()
    path = tmp_path / "DOE JANE"
    multi_frame(scan, "flair").save_as(path, enforce_file_format=True)
    write_dicom(tmp_path, make_scan("P2"))
    with open_input(str(path)) as source:
        assert source.patients == [NAME]
        reading = source.read(NAME, OPTIONS, masks=False)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.image[..., 1], scan.image[..., 1])


def test_a_single_slice_is_reported_with_advice_to_give_its_folder(tmp_path):
    folder = write_dicom(tmp_path, make_scan())
    with open_input(str(folder / "flair" / "IM0001.dcm")) as source:
        (problem,) = source.read(NAME, OPTIONS, masks=False).problems
    assert "give the folder that holds all slices" in str(problem)


def test_a_file_without_patient_id_is_refused(tmp_path):
    data = multi_frame(make_scan(), "flair")
    data.PatientID = ""
    data.save_as(tmp_path / "x.dcm", enforce_file_format=True)
    with pytest.raises(UserError, match=r"no PatientID.*dcmodify"), open_input(str(tmp_path / "x.dcm")):
        pass


@pytest.mark.parametrize("name", ["DOE_JANE_19700101", "DOE_JANE.dcm"])
def test_a_dangling_link_is_skipped_and_never_named(tmp_path, name):
    folder = write_dicom(tmp_path, make_scan())
    (folder / name).symlink_to("/nowhere/x")
    with open_input(str(folder)) as source:
        reading = source.read(NAME, OPTIONS)
    assert not any("DOE" in str(problem) for problem in [*source.problems, *reading.problems])
    assert name.endswith(".dcm") or reading.problems == []
