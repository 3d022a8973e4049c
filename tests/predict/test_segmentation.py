"""A DICOM SEG lies in the right place, whatever FLAIR's headers lack; checked by pydicom and arithmetic alone."""

from __future__ import annotations

import warnings

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scan_writers import AFFINE, make_scan, multi_frame, write_dicom
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from test_mask_formats import OPTIONS, make_mask, write_mask_for

from components.predict.mask_files import write_masks
from components.sources.inputs import open_input

TYPE_2 = (
    *("PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime", "AccessionNumber"),
    *("ReferringPhysicianName", "SliceThickness"),
)
OBLIQUE = AFFINE.copy()
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", [17, -9, 23], degrees=True).as_matrix() @ AFFINE[:3, :3]


def edit_dicom(folder, change):
    for number, path in enumerate(sorted(folder.rglob("*.dcm"))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of invalid values, which are intended here
            data = pydicom.dcmread(path)
            change(data, number)
            data.save_as(path)


def set_tags(**tags):
    return lambda data, _: [setattr(data, name, value) for name, value in tags.items()]


def remove_tags(*names):
    return lambda data, _: [delattr(data, name) for name in names]


def remove_the_identifier(data, _):
    del data.SOPInstanceUID, data.file_meta.MediaStorageSOPInstanceUID


def give_each_image_its_own_series(data, number):
    data.SeriesInstanceUID = f"1.2.3.{number + 1}"


def round_orientation(digits):
    def change(data, _):
        data.ImageOrientationPatient = [round(float(x), digits) for x in data.ImageOrientationPatient]

    return change


def use_a_cyrillic_name(data, _):
    data.SpecificCharacterSet = "ISO_IR 144"
    data.PatientName = "Иванов^Иван"


HEADERS = {
    **{f"without {name}": remove_tags(name) for name in TYPE_2},
    "without any of them": remove_tags(*TYPE_2),
    **{f"sex {value}": set_tags(PatientSex=value) for value in ("U", "female", "m")},
    **{f"birth date {value}": set_tags(PatientBirthDate=value) for value in ("1950", "00000000", "1950-01-01", "XX")},
    **{f"study date {value}": set_tags(StudyDate=value) for value in ("20200231", "removed")},
    **{f"study time {value}": set_tags(StudyTime=value) for value in ("99", "10:20", "removed")},
    "an empty first character set": set_tags(SpecificCharacterSet=["", "ISO 2022 IR 100"]),
    "a code extension alone": set_tags(SpecificCharacterSet="ISO 2022 IR 100"),
    "an unknown character set": set_tags(SpecificCharacterSet="removed"),
    "another alphabet": use_a_cyrillic_name,
    "a long name": set_tags(PatientName="x" * 80, StudyID="y" * 40, AccessionNumber="z" * 40),
    "broken optional tags": set_tags(PatientAge="JANE", StudyDescription="s" * 100),
    "a series each": give_each_image_its_own_series,
    "orientations of three digits": round_orientation(3),
}


def places(path):
    """Centres of all voxels that a SEG marks, in millimetres (LPS), by the formula of the standard."""
    data = pydicom.dcmread(path)
    pixels = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    shared, found = data.SharedFunctionalGroupsSequence[0], []
    for frame, group in zip(pixels, data.PerFrameFunctionalGroupsSequence, strict=True):
        rows, columns = np.nonzero(frame)
        sources = [
            shared if name in shared else group for name in ("PlaneOrientationSequence", "PixelMeasuresSequence")
        ]
        directions = np.array(sources[0].PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
        down, across = map(float, sources[1].PixelMeasuresSequence[0].PixelSpacing)
        origin = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        found.append(origin + np.outer(columns * across, directions[0]) + np.outer(rows * down, directions[1]))
    return np.concatenate(found)


def expected_places(scan, mask):
    """Centres of the voxels of `mask`, by the affine that the scan was made with."""
    slices, rows, columns = np.nonzero(mask)
    ras = np.stack([columns, rows, slices, np.ones_like(rows)], 1) @ scan.affine.T
    return ras[:, :3] * [-1, -1, 1]


def assert_same_places(found, expected):
    """Equally many points, each within a twentieth of a millimetre of a point of the other set."""
    assert len(found) == len(expected) > 100
    for points, others in ((found, expected), (expected, found)):
        assert cKDTree(points).query(others)[0].max() < 0.05


@pytest.mark.filterwarnings("ignore:Unknown encoding")  # of the images, which this test reads
@pytest.mark.parametrize("kind", HEADERS)
def test_imperfect_headers_allow_a_segmentation_in_the_right_place(tmp_path, kind, capsys):
    scan = make_scan(affine=OBLIQUE)
    write_dicom(tmp_path / "in", scan, mask=False, channels=("flair",))
    edit_dicom(tmp_path / "in", HEADERS[kind])
    _, mask = write_mask_for(tmp_path / "in", tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == f"{scan.patient}_seg.dcm"
    assert_same_places(places(path), expected_places(scan, mask))
    data = pydicom.dcmread(path)
    images = {pydicom.dcmread(p).SOPInstanceUID: pydicom.dcmread(p) for p in (tmp_path / "in").rglob("*.dcm")}
    for series in data.ReferencedSeriesSequence:
        for image in series.ReferencedInstanceSequence:
            assert images.pop(image.ReferencedSOPInstanceUID).SeriesInstanceUID == series.SeriesInstanceUID
    assert not images
    for name in TYPE_2[:-1]:
        assert name in data
    assert "DOE" not in "".join(capsys.readouterr())


def test_a_missing_slice_thickness_becomes_the_slice_distance(tmp_path):
    scan = make_scan(affine=np.array([[0, 0, 4.0, -10], [-1.0, 0, 0, 20], [0, -1.0, 0, 30], [0, 0, 0, 1]]))
    write_dicom(tmp_path / "in", scan, mask=False, channels=("flair",))
    edit_dicom(tmp_path / "in", remove_tags("SliceThickness"))
    write_mask_for(tmp_path / "in", tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    (measures,) = pydicom.dcmread(path).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert measures.SliceThickness == 4


def test_a_name_in_another_alphabet_stays_readable(tmp_path):
    write_dicom(tmp_path / "in", make_scan(), mask=False, channels=("flair",))
    edit_dicom(tmp_path / "in", use_a_cyrillic_name)
    write_mask_for(tmp_path / "in", tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    assert pydicom.dcmread(path).PatientName == "Иванов^Иван"


@pytest.mark.parametrize(
    ("change", "tag"),
    [
        (remove_tags("FrameOfReferenceUID"), "FrameOfReferenceUID (0020,0052)"),
        (remove_tags("StudyInstanceUID"), "StudyInstanceUID (0020,000D)"),
        (set_tags(SOPInstanceUID="1.2.3"), "SOPInstanceUID (0008,0018)"),
        (remove_the_identifier, "SOPInstanceUID (0008,0018)"),
    ],
    ids=["no frame of reference", "no study", "one identifier for all images", "no identifier"],
)
def test_without_a_segmentation_the_mask_is_nifti_and_the_tag_is_named(tmp_path, change, tag):
    scan = make_scan(affine=OBLIQUE)
    write_dicom(tmp_path / "in", scan, mask=False, channels=("flair",))
    edit_dicom(tmp_path / "in", change)
    with open_input(str(tmp_path / "in")) as source:
        (patient,) = source.patients
        scan_read = source.read(patient, OPTIONS, masks=False).scan
        mask = make_mask(scan_read)
        (note,) = write_masks(tmp_path / "out", source, scan_read, mask)
    assert tag in note
    (path,) = (tmp_path / "out").iterdir()
    image = nib.load(path)
    voxels = np.argwhere(np.asarray(image.dataobj))
    found = np.c_[voxels, np.ones(len(voxels))] @ image.affine.T
    assert_same_places(found[:, :3] * [-1, -1, 1], expected_places(scan, mask))


def test_a_multi_frame_flair_gets_a_segmentation_that_refers_to_its_frames(tmp_path):
    scan = make_scan()
    path = tmp_path / "flair.dcm"
    multi_frame(scan, "flair").save_as(path, enforce_file_format=True)
    _, mask = write_mask_for(path, tmp_path / "out")
    (seg,) = (tmp_path / "out").iterdir()
    assert_same_places(places(seg), expected_places(scan, mask))
    image, data = pydicom.dcmread(path), pydicom.dcmread(seg)
    groups = image.PerFrameFunctionalGroupsSequence
    for group in data.PerFrameFunctionalGroupsSequence:
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert source.ReferencedSOPInstanceUID == image.SOPInstanceUID
        origin = groups[source.ReferencedFrameNumber - 1].PlanePositionSequence[0].ImagePositionPatient
        assert group.PlanePositionSequence[0].ImagePositionPatient == origin
