"""Scans in a Cloud Storage bucket are ingested exactly like the same scans in a folder."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from bad_sources import PATIENTS
from conftest import ingest_into
from gcs_server import ADDRESS, upload, upload_patients
from scan_writers import make_scan, write_dicom, write_kaggle, write_nifti

from components.sources import open_source
from components.sources.reading import Options

pytestmark = pytest.mark.usefixtures("temporary_folder")


@pytest.fixture
def folder(tmp_path, bucket):
    """Four patients as pictures, in a local folder and at `ADDRESS`."""
    upload_patients(bucket, tmp_path / "in")
    return tmp_path / "in"


def assert_same_output(tmp_path, folder, address, workers=1):
    for out, source, count in (("here", folder, 1), ("there", address, workers)):
        ingest_into(tmp_path / out, source, options=Options(size=32), workers=count)
    written = {path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*") if path.is_file()}
    assert len(written) == 2 * len(PATIENTS) + 2
    assert written == {path.relative_to(tmp_path / "there") for path in (tmp_path / "there").rglob("*.*")}
    for path in written:
        assert (tmp_path / "there" / path).read_bytes() == (tmp_path / "here" / path).read_bytes(), path


@pytest.mark.parametrize(
    ("write", "workers"), [(write_kaggle, 1), (write_nifti, 1), (write_dicom, 1), (write_dicom, 2)]
)
def test_a_bucket_is_ingested_like_its_folder(tmp_path, bucket, write, workers):
    for name in PATIENTS:
        write(tmp_path / "in", make_scan(name))
    upload(bucket, tmp_path / "in", "incoming/2024")
    assert_same_output(tmp_path, tmp_path / "in", ADDRESS, workers)


def test_an_archive_in_a_bucket_is_ingested_like_its_folder(tmp_path, bucket, folder):
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    bucket.blob("x.zip").upload_from_filename(packed)
    assert_same_output(tmp_path, folder, "gs://scans/x.zip")


def test_folder_placeholders_of_a_web_console_are_ignored(tmp_path, bucket):
    for name in PATIENTS:
        write_dicom(tmp_path / "in", make_scan(name))
        for made in ("", f"{name}/", f"{name}/flair/", "other/"):
            bucket.blob(f"incoming/2024/{made}").upload_from_string(b"")
    upload(bucket, tmp_path / "in", "incoming/2024")
    assert_same_output(tmp_path, tmp_path / "in", f"{ADDRESS}/")


def test_an_opened_bucket_is_read_patient_by_patient(folder, temporary_folder):
    with open_source(ADDRESS) as source, open_source(folder) as local:
        assert source.patients == local.patients == PATIENTS
        read, expected = source.read(PATIENTS[2]), local.read(PATIENTS[2])
        assert list(temporary_folder.iterdir()) == []
    assert read.problems == expected.problems == []
    np.testing.assert_array_equal(read.scan.image, expected.scan.image)
    np.testing.assert_array_equal(read.scan.mask, expected.scan.mask)


def test_new_uploads_are_seen_when_the_source_is_reopened(tmp_path, bucket, folder):
    with open_source(ADDRESS) as source:
        assert source.patients == PATIENTS
    write_kaggle(tmp_path / "more", make_scan("TCGA_HT_0009_20010101"))
    upload(bucket, tmp_path / "more", "incoming/2024")
    with open_source(ADDRESS) as source:
        assert source.patients == [*PATIENTS, "TCGA_HT_0009_20010101"]
