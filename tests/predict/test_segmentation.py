"""A mask as DICOM SEG in the right place, whatever FLAIR's headers lack; read by pydicom and arithmetic alone."""

from __future__ import annotations

import warnings

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from test_masks_out import OPTIONS, drawn_on, written
from written_scans import AFFINE, enhanced, made_up_scan, write_dicom

from components.predict.mask_files import write_masks
from components.sources.inputs import open_input

TYPE_2 = (
    *("PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime", "AccessionNumber"),
    *("ReferringPhysicianName", "SliceThickness"),
)
OBLIQUE = AFFINE.copy()
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", [17, -9, 23], degrees=True).as_matrix() @ AFFINE[:3, :3]


def edit(folder, change):
    for number, path in enumerate(sorted(folder.rglob("*.dcm"))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that break the standard: that is what this is for
            data = pydicom.dcmread(path)
            change(data, number)
            data.save_as(path)


def setting(**tags):
    return lambda data, _: [setattr(data, name, value) for name, value in tags.items()]


def without(*names):
    return lambda data, _: [delattr(data, name) for name in names]


def with_a_series_each(data, number):
    data.SeriesInstanceUID = f"1.2.3.{number + 1}"


def rounded(digits):
    def change(data, _):
        data.ImageOrientationPatient = [round(float(x), digits) for x in data.ImageOrientationPatient]

    return change


def in_another_alphabet(data, _):
    data.SpecificCharacterSet = "ISO_IR 144"
    data.PatientName = "Иванов^Иван"


HEADERS = {
    **{f"without {name}": without(name) for name in TYPE_2},
    "without any of them": without(*TYPE_2),
    **{f"sex {value}": setting(PatientSex=value) for value in ("U", "female", "m")},
    **{f"birth date {value}": setting(PatientBirthDate=value) for value in ("1950", "00000000", "1950-01-01", "XX")},
    **{f"study date {value}": setting(StudyDate=value) for value in ("20200231", "removed")},
    **{f"study time {value}": setting(StudyTime=value) for value in ("99", "10:20", "removed")},
    "an empty first character set": setting(SpecificCharacterSet=["", "ISO 2022 IR 100"]),
    "a code extension alone": setting(SpecificCharacterSet="ISO 2022 IR 100"),
    "an unknown character set": setting(SpecificCharacterSet="removed"),
    "another alphabet": in_another_alphabet,
    "a long name": setting(PatientName="x" * 80, StudyID="y" * 40, AccessionNumber="z" * 40),
    "broken optional tags": setting(PatientAge="JANE", StudyDescription="s" * 100),
    "a series each": with_a_series_each,
    "orientations of three digits": rounded(3),
}


def places(path):
    """Millimetres, LPS, of the middles of all voxels that a SEG sets: the formula of the standard, and nothing else."""
    data = pydicom.dcmread(path)
    pixels = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    shared, found = data.SharedFunctionalGroupsSequence[0], []
    for frame, group in zip(pixels, data.PerFrameFunctionalGroupsSequence, strict=True):
        rows, columns = np.nonzero(frame)
        sources = [
            shared if name in shared else group for name in ("PlaneOrientationSequence", "PixelMeasuresSequence")
        ]
        turn = np.array(sources[0].PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
        down, across = map(float, sources[1].PixelMeasuresSequence[0].PixelSpacing)
        origin = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        found.append(origin + np.outer(columns * across, turn[0]) + np.outer(rows * down, turn[1]))
    return np.concatenate(found)


def expected_places(scan, mask):
    """The same of what was drawn, by the affine that the scan was made with."""
    slices, rows, columns = np.nonzero(mask)
    ras = np.stack([columns, rows, slices, np.ones_like(rows)], 1) @ scan.affine.T
    return ras[:, :3] * [-1, -1, 1]


def assert_same_places(found, expected):
    """As many points, and none further than a twentieth of a millimetre from one of the others."""
    assert len(found) == len(expected) > 100
    for these, those in ((found, expected), (expected, found)):
        assert cKDTree(these).query(those)[0].max() < 0.05


@pytest.mark.filterwarnings("ignore:Unknown encoding")  # as this test reads the images, too
@pytest.mark.parametrize("kind", HEADERS)
def test_headers_that_people_have_allow_a_segmentation_in_the_right_place(tmp_path, kind, capsys):
    scan = made_up_scan(affine=OBLIQUE)
    write_dicom(tmp_path / "in", scan, mask=False, channels=("flair",))
    edit(tmp_path / "in", HEADERS[kind])
    _, mask = written(tmp_path / "in", tmp_path / "out")
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


def test_slices_of_any_plane_without_a_thickness_get_their_distance(tmp_path):
    scan = made_up_scan(affine=np.array([[0, 0, 4.0, -10], [-1.0, 0, 0, 20], [0, -1.0, 0, 30], [0, 0, 0, 1]]))
    write_dicom(tmp_path / "in", scan, mask=False, channels=("flair",))
    edit(tmp_path / "in", without("SliceThickness"))
    written(tmp_path / "in", tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    (measures,) = pydicom.dcmread(path).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert measures.SliceThickness == 4


def test_a_name_in_another_alphabet_stays_readable(tmp_path):
    write_dicom(tmp_path / "in", made_up_scan(), mask=False, channels=("flair",))
    edit(tmp_path / "in", in_another_alphabet)
    written(tmp_path / "in", tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    assert pydicom.dcmread(path).PatientName == "Иванов^Иван"


@pytest.mark.parametrize(
    ("change", "tag"),
    [
        (without("FrameOfReferenceUID"), "FrameOfReferenceUID (0020,0052)"),
        (without("StudyInstanceUID"), "StudyInstanceUID (0020,000D)"),
        (setting(SOPInstanceUID="1.2.3"), "SOPInstanceUID (0008,0018)"),
    ],
    ids=["no frame of reference", "no study", "one identifier for all images"],
)
def test_where_no_segmentation_can_be_made_the_mask_is_nifti_and_the_tag_is_named(tmp_path, change, tag):
    scan = made_up_scan(affine=OBLIQUE)
    write_dicom(tmp_path / "in", scan, mask=False, channels=("flair",))
    edit(tmp_path / "in", change)
    with open_input(str(tmp_path / "in")) as source:
        (patient,) = source.patients
        seen = source.read(patient, OPTIONS, masks=False).scan
        mask = drawn_on(seen)
        (note,) = write_masks(tmp_path / "out", source, seen, mask)
    assert tag in note
    (path,) = (tmp_path / "out").iterdir()
    image = nib.load(path)
    voxels = np.argwhere(np.asarray(image.dataobj))
    found = np.c_[voxels, np.ones(len(voxels))] @ image.affine.T
    assert_same_places(found[:, :3] * [-1, -1, 1], expected_places(scan, mask))


def test_a_multi_frame_flair_gets_a_segmentation_that_refers_to_its_frames(tmp_path):
    scan = made_up_scan()
    path = tmp_path / "flair.dcm"
    enhanced(scan, "flair").save_as(path, enforce_file_format=True)
    _, mask = written(path, tmp_path / "out")
    (seg,) = (tmp_path / "out").iterdir()
    assert_same_places(places(seg), expected_places(scan, mask))
    image, data = pydicom.dcmread(path), pydicom.dcmread(seg)
    groups = image.PerFrameFunctionalGroupsSequence
    for group in data.PerFrameFunctionalGroupsSequence:
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert source.ReferencedSOPInstanceUID == image.SOPInstanceUID
        origin = groups[source.ReferencedFrameNumber - 1].PlanePositionSequence[0].ImagePositionPatient
        assert group.PlanePositionSequence[0].ImagePositionPatient == origin
