"""What `glioflow predict` accepts as input: sets, patients, single files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from bad_sources import PATIENTS
from gcs_server import ADDRESS, upload_patients
from PIL import Image
from scan_writers import make_scan, write_dicom, write_kaggle, write_nifti

from components.common.errors import UserError
from components.scans.scan_files import write_scan
from components.sources.inputs import open_input
from components.sources.reading import Options

OPTIONS = Options(size=32, spacing=1.0)


def read(address):
    with open_input(str(address)) as source:
        return {patient: source.read(patient, OPTIONS, masks=False).scan for patient in source.patients}


@pytest.mark.parametrize("write", [write_kaggle, write_nifti, write_dicom])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another"])
def test_the_folder_of_a_patient_is_read_as_that_patient(tmp_path, write, beside):
    scan = make_scan()
    folder = write(tmp_path, scan)
    if beside:
        write(tmp_path, make_scan("TCGA_DU_0002_19990101"))
    for address in (folder, f"{folder}/"):
        found = read(address)
        assert list(found) == [scan.patient]
        np.testing.assert_array_equal(found[scan.patient].image, scan.image)
        assert found[scan.patient].mask is None


def test_the_parent_folder_holds_all_patients(tmp_path):
    for name in PATIENTS:
        write_dicom(tmp_path, make_scan(name))
    assert list(read(tmp_path)) == PATIENTS


def test_dicom_files_in_one_folder_are_one_patient(tmp_path):
    scan = make_scan()
    folder = write_dicom(tmp_path / "in", scan, mask=False)
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, path in enumerate(sorted(folder.rglob("*.dcm"))):
        shutil.copy(path, flat / f"{number}.dcm")
    found = read(flat)
    assert list(found) == [scan.patient]
    np.testing.assert_array_equal(found[scan.patient].image, scan.image)


def test_the_current_folder_may_be_a_patient(tmp_path, monkeypatch):
    monkeypatch.chdir(write_kaggle(tmp_path, make_scan()))
    assert list(read(".")) == [make_scan().patient]


def test_a_four_dimensional_file_is_a_patient(tmp_path):
    for name in PATIENTS[:2]:
        write_scan(tmp_path, make_scan(name))
    found = read(tmp_path / f"{PATIENTS[1]}.nii.gz")
    assert list(found) == [PATIENTS[1]]
    np.testing.assert_array_equal(found[PATIENTS[1]].image, make_scan(PATIENTS[1]).image)


@pytest.mark.parametrize("name", ["slice 7.png", "x.tif", "x.jpg"])
def test_a_picture_is_a_scan_of_one_slice(tmp_path, name):
    picture = make_scan().image[2]
    Image.fromarray(picture).save(tmp_path / name)
    ((patient, scan),) = read(tmp_path / name).items()
    assert patient == "x" or patient.startswith("slice-7-")
    assert scan.image.shape == (1, 32, 32, 3)
    if not name.endswith("jpg"):
        np.testing.assert_array_equal(scan.image[0], picture)


@pytest.mark.usefixtures("temporary_folder")
def test_a_bucket_may_hold_a_set_a_patient_or_a_picture(tmp_path, bucket):
    upload_patients(bucket, tmp_path / "in")
    name = PATIENTS[1]
    assert list(read(ADDRESS)) == PATIENTS
    for address in (f"{ADDRESS}/{name}", f"{ADDRESS}/{name}/"):
        found = read(address)
        assert list(found) == [name]
        np.testing.assert_array_equal(found[name].image, make_scan(name).image)
    (slice_one,) = read(f"{ADDRESS}/{name}/{name}_1.tif").values()
    np.testing.assert_array_equal(slice_one.image, make_scan(name).image[:1])


@pytest.mark.parametrize("name", ["nowhere", "no.png", "no.nii.gz", "no.zip"])
def test_a_missing_input_is_reported(tmp_path, name):
    with pytest.raises(UserError, match=f"{name}: no such file"), open_input(str(tmp_path / name)):
        pass


def test_a_folder_without_scans_is_reported(tmp_path):
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(UserError, match="no scans found"), open_input(str(tmp_path)):
        pass
