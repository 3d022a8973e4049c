"""Masks are written in the format of their scans; libraries that did not write them read them back."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from scan_writers import make_scan, write_dicom, write_kaggle, write_nifti

from components.predict.mask_files import write_masks
from components.sources import open_source
from components.sources.inputs import open_input
from components.sources.reading import Options

OPTIONS = Options(size=32, spacing=1.0)


def make_mask(scan):
    """A mask with a different shape in every slice but the first, which is empty."""
    mask = np.zeros(scan.image.shape[:3], bool)
    for index in range(1, len(mask)):
        mask[index, 3 + index : 9 + index, 5 : 8 + 2 * index] = True
    return mask


def write_mask_for(address, out, mask=None):
    """Read the only patient at `address` without masks and write `mask` for it; returns the scan and the mask."""
    with open_input(str(address)) as source:
        (patient,) = source.patients
        scan = source.read(patient, OPTIONS, masks=False).scan
        mask = make_mask(scan) if mask is None else mask
        write_masks(out, source, scan, mask)
    return scan, mask


def test_masks_of_pictures_are_pictures_named_after_them(tmp_path):
    folder = write_kaggle(tmp_path / "in", make_scan())
    for number in (2, 3, 10):  # names and numbers sort differently
        for kind in ("", "_mask"):
            (folder / f"{folder.name}_{number}{kind}.tif").unlink(missing_ok=True)
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(folder / f"{folder.name}_10.tif")
    _, mask = write_mask_for(tmp_path / "in", tmp_path / "out")
    for number, expected in zip((1, 4, 5, 6, 10), mask, strict=True):
        found = np.asarray(Image.open(tmp_path / "out" / folder.name / f"{folder.name}_{number}_mask.tif"))
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, 255 * expected.astype(np.uint8))
    assert len(list((tmp_path / "out" / folder.name).iterdir())) == 5


def test_written_pictures_are_read_as_reference_masks(tmp_path):
    scan = make_scan()
    folder = write_kaggle(tmp_path / "in", scan)
    _, mask = write_mask_for(tmp_path / "in", tmp_path / "out")
    for path in (tmp_path / "out" / scan.patient).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with open_source(tmp_path / "in") as source:
        reading = source.read(scan.patient)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.mask, mask)


@pytest.mark.parametrize(
    ("name", "mask_name"),
    [("a.png", "a_mask.png"), ("b.tif", "b_mask.tif"), ("c.jpg", "c_mask.png"), ("d.BMP", "d_mask.bmp")],
)
def test_a_single_picture_gets_one_mask(tmp_path, name, mask_name):
    Image.fromarray(make_scan().image[0]).save(tmp_path / name)
    mask = np.zeros((1, 32, 32), bool)
    mask[0, 3:9, 4:30] = True
    write_mask_for(tmp_path / name, tmp_path / "out", mask)
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == mask_name
    np.testing.assert_array_equal(np.asarray(Image.open(path)), 255 * mask[0].astype(np.uint8))


@pytest.mark.parametrize("axes", ["LPS", "RAS", "PSR", "RAI"])
def test_the_mask_of_a_nifti_scan_is_nifti_on_the_grid_of_flair(tmp_path, axes):
    scan = make_scan()
    folder = write_nifti(tmp_path / "in", scan, axes=axes)
    _, mask = write_mask_for(tmp_path / "in", tmp_path / "out")
    flair = nib.load(folder / f"{scan.patient}_flair.nii.gz")
    found = nib.load(tmp_path / "out" / f"{scan.patient}_mask.nii.gz")
    assert found.shape == flair.shape
    np.testing.assert_allclose(found.affine, flair.affine, atol=1e-4)
    assert found.get_data_dtype() == np.uint8
    # Reoriented by nibabel alone, it equals the mask that was written.
    transform = nib.orientations.ornt_transform(
        nib.io_orientation(found.affine), nib.orientations.axcodes2ornt(("L", "P", "S"))
    )
    values = np.asarray(found.as_reoriented(transform).dataobj)
    np.testing.assert_array_equal(values.transpose(2, 1, 0), mask)


def seg_frames(path):
    """A DICOM SEG, and its frames by the position of their first voxel, decoded by pydicom alone."""
    data = pydicom.dcmread(path)
    pixels = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    groups = data.PerFrameFunctionalGroupsSequence
    return data, {
        tuple(np.round([float(v) for v in group.PlanePositionSequence[0].ImagePositionPatient], 3)): (frame, group)
        for frame, group in zip(pixels, groups, strict=True)
    }


def test_dicom_gets_a_segmentation_that_refers_to_its_flair_images(tmp_path):
    scan = make_scan()
    write_dicom(tmp_path / "in", scan, mask=False)
    _, mask = write_mask_for(tmp_path / "in", tmp_path / "out")
    data, found = seg_frames(tmp_path / "out" / f"{scan.patient}_seg.dcm")
    assert (data.Modality, data.SegmentationType, data.PatientID) == ("SEG", "BINARY", scan.patient)
    assert data.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    matched = 0
    for path in sorted((tmp_path / "in" / scan.patient / "flair").iterdir()):
        image = pydicom.dcmread(path)
        place = tuple(np.round([float(v) for v in image.ImagePositionPatient], 3))
        expected = mask[image.InstanceNumber - 1]
        assert (place in found) == bool(expected.any())
        if place in found:
            frame, group = found[place]
            np.testing.assert_array_equal(frame, expected)
            derived = group.DerivationImageSequence[0].SourceImageSequence[0]
            assert derived.ReferencedSOPInstanceUID == image.SOPInstanceUID
            matched += 1
    assert matched == len(found) == len(mask) - 1
    assert data.StudyInstanceUID == image.StudyInstanceUID
    assert data.FrameOfReferenceUID == image.FrameOfReferenceUID


def test_dicom_without_tumour_gets_an_empty_segmentation(tmp_path):
    scan = make_scan()
    write_dicom(tmp_path / "in", scan, mask=False)
    write_mask_for(tmp_path / "in", tmp_path / "out", np.zeros(scan.image.shape[:3], bool))
    data, found = seg_frames(tmp_path / "out" / f"{scan.patient}_seg.dcm")
    assert len(found) == len(scan.image)
    assert not data.pixel_array.any()


def test_a_written_segmentation_is_read_as_a_reference_mask(tmp_path):
    scan = make_scan()
    folder = write_dicom(tmp_path / "in", scan, mask=False)
    _, mask = write_mask_for(tmp_path / "in", tmp_path / "out")
    (tmp_path / "out" / f"{scan.patient}_seg.dcm").rename(folder / "seg.dcm")
    with open_source(tmp_path / "in") as source:
        reading = source.read(scan.patient, OPTIONS)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.mask, mask)


def test_a_patient_id_with_a_path_is_sanitised_in_the_file_name(tmp_path):
    scan = make_scan("Doe^Jane/../../x")
    write_dicom(tmp_path / "in", scan, place="p", mask=False)
    write_mask_for(tmp_path / "in", tmp_path / "out")
    (path,) = Path(tmp_path / "out").rglob("*.dcm")
    assert path.parent == tmp_path / "out"
    assert path.name.startswith("Doe-Jane-..-..-x-")
