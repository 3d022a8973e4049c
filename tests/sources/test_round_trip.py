"""The same examination gives the same pixels, at the same position in the patient, from every format."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
from conftest import ingest_into
from scan_writers import make_scan, write_dicom, write_kaggle, write_nifti

from components.scans.scan_files import image_path, read_scan, write_scan
from components.sources import open_source
from components.sources.reading import Options

WRITERS = {
    "brats": write_nifti,
    "brats23": lambda root, scan: write_nifti(root, scan, "{patient}-{role}.nii.gz", ("t1n", "t2f", "t1c", "seg")),
    "bids": lambda root, scan: write_nifti(
        root, scan, "{patient}_{role}.nii", ("T1w", "FLAIR", "ce-gadolinium_T1w", "lesion")
    ),
    "sagittal": lambda root, scan: write_nifti(root, scan, axes="PSR"),
    "flipped": lambda root, scan: write_nifti(root, scan, axes="RAI"),
    "own": lambda root, scan: (root.mkdir(exist_ok=True), write_scan(root, scan)),
    "dicom": write_dicom,
}
OPTIONS = Options(size=32, spacing=1.0)


@pytest.mark.parametrize("form", WRITERS)
def test_pixels_spacing_and_orientation_survive(tmp_path, form):
    scan = make_scan()
    WRITERS[form](tmp_path / "in", scan)
    with open_source(tmp_path / "in") as source:
        assert source.patients == [scan.patient]
        reading = source.read(scan.patient, OPTIONS)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.image, scan.image)
    np.testing.assert_array_equal(reading.scan.mask, scan.mask)
    np.testing.assert_allclose(reading.scan.affine, scan.affine, atol=1e-4)
    assert reading.scan.spacing == pytest.approx((5, 1, 1))
    assert (reading.scan.site, reading.scan.subject) == ("DU", "TCGA_DU_0001")


def test_pictures_become_the_same_slices_with_a_default_affine(tmp_path):
    scan = make_scan()
    write_kaggle(tmp_path, scan)
    with open_source(tmp_path) as source:
        read = source.read(scan.patient).scan
    np.testing.assert_array_equal(read.image, scan.image)
    np.testing.assert_array_equal(read.mask, scan.mask)
    assert nib.aff2axcodes(read.affine) == ("L", "P", "S")
    assert read.spacing == (1, 1, 1)


@pytest.mark.parametrize("form", ["brats", "dicom"])
def test_ingest_writes_the_same_pixels_and_position(tmp_path, form):
    scans = [make_scan(f"TCGA_DU_{i:04d}_19990101", seed=i) for i in range(3)]
    for scan in scans:
        WRITERS[form](tmp_path / "in", scan)
    ingest_into(tmp_path / "out", tmp_path / "in", options=OPTIONS)
    for scan in scans:
        read = read_scan(tmp_path / "out" / "scans", scan.patient)
        np.testing.assert_array_equal(read.image, scan.image)
        np.testing.assert_array_equal(read.mask, scan.mask)
        picture = nib.load(image_path(tmp_path / "out" / "scans", scan.patient))
        np.testing.assert_allclose(picture.affine, scan.affine, atol=1e-4)
        assert picture.header.get_zooms()[:3] == pytest.approx((1, 1, 5))


@pytest.mark.parametrize("axes", ["".join(axes) for axes in itertools.product("LR", "AP", "IS")])
def test_any_axis_direction_is_read(tmp_path, axes):
    scan = make_scan()
    write_nifti(tmp_path, scan, axes=axes)
    with open_source(tmp_path) as source:
        np.testing.assert_array_equal(source.read(scan.patient, OPTIONS).scan.image, scan.image)


@pytest.mark.parametrize("form", ["brats", "dicom"])
def test_links_to_patients_are_followed_and_cycles_survived(tmp_path, form):
    scan = make_scan()
    WRITERS[form](tmp_path / "store", scan)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "store" / scan.patient)
    (tmp_path / "store" / scan.patient / "circle").symlink_to(tmp_path / "set")
    with open_source(tmp_path / "set") as source:
        (patient,) = source.patients
        np.testing.assert_array_equal(source.read(patient, OPTIONS).scan.image, scan.image)


def test_bids_sessions_are_examinations_of_one_subject(tmp_path):
    scans = [make_scan("sub-01", seed=seed) for seed in (1, 2)]
    for scan, session in zip(scans, ("ses-1", "ses-2"), strict=True):
        folder = WRITERS["bids"](tmp_path / session, scan)
        (tmp_path / "in" / "sub-01" / session).mkdir(parents=True)
        folder.rename(tmp_path / "in" / "sub-01" / session / "anat")
    with open_source(tmp_path / "in") as source:
        assert source.patients == ["sub-01_ses-1", "sub-01_ses-2"]
        assert source.problems == []
        read = [source.read(patient, OPTIONS).scan for patient in source.patients]
    assert {scan.subject for scan in read} == {"sub-01"}
    for one, other in zip(read, scans, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_macos_metadata_files_are_ignored(tmp_path):
    folder = write_nifti(tmp_path / "in", make_scan())
    (folder / f"._{make_scan().patient}_flair.nii.gz").write_bytes(b"Mac")
    (tmp_path / "in" / "__MACOSX" / "x").mkdir(parents=True)
    (tmp_path / "in" / "__MACOSX" / "x" / "y_flair.nii.gz").write_bytes(b"Mac")
    with open_source(tmp_path / "in") as source:
        (patient,) = source.patients
        assert source.problems == source.read(patient, OPTIONS).problems == []


@pytest.mark.parametrize(
    "trash", [".Trash-1000/files", "#recycle", "$RECYCLE.BIN/S-1-5", "@Recycle", ".snapshot/daily"]
)
def test_trash_and_snapshot_folders_are_ignored(tmp_path, trash):
    scan = make_scan("P1")
    write_nifti(tmp_path / "in" / "P1", scan)
    write_nifti(tmp_path / "in" / trash / "P9", make_scan("P9"))
    with open_source(tmp_path / "in") as source:
        assert source.patients == ["P1"]
        assert source.problems == []
    with open_source(tmp_path / "in" / trash) as source:  # read when it is the source itself
        assert source.patients == ["P9"]


def test_a_patient_beside_the_set_is_reported(tmp_path):
    for name in ("P0", "P1"):
        write_kaggle(tmp_path / "kaggle_3m", make_scan(name))
    write_nifti(tmp_path, make_scan("P2"))
    (tmp_path / "kaggle_3m" / "data.csv").write_text("Patient\n", encoding="utf-8")
    with open_source(tmp_path) as source:
        (problem,) = source.problems
    assert problem.what.endswith("recognised: P2")


def test_folders_without_a_recognised_patient_are_reported(tmp_path):
    write_kaggle(tmp_path, make_scan())
    write_nifti(tmp_path, make_scan("P2"))
    with open_source(tmp_path) as source:
        (problem,) = source.problems
    assert (problem.kind, problem.what) == ("skipped", "1 folder(s) hold no patient that can be recognised: P2")
