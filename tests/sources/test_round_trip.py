"""The same examination in every format must come in as the same pixels, at the same place in the patient."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
from conftest import ingest_into
from written_scans import made_up_scan, write_dicom, write_kaggle, write_nifti

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
    scan = made_up_scan()
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


def test_pictures_become_the_same_slices_at_a_plain_place(tmp_path):
    scan = made_up_scan()
    write_kaggle(tmp_path, scan)
    with open_source(tmp_path) as source:
        read = source.read(scan.patient).scan
    np.testing.assert_array_equal(read.image, scan.image)
    np.testing.assert_array_equal(read.mask, scan.mask)
    assert nib.aff2axcodes(read.affine) == ("L", "P", "S")
    assert read.spacing == (1, 1, 1)


@pytest.mark.parametrize("form", ["brats", "dicom"])
def test_through_ingest_to_the_files(tmp_path, form):
    scans = [made_up_scan(f"TCGA_DU_{i:04d}_19990101", seed=i) for i in range(3)]
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
def test_any_order_of_axes(tmp_path, axes):
    scan = made_up_scan()
    write_nifti(tmp_path, scan, axes=axes)
    with open_source(tmp_path) as source:
        np.testing.assert_array_equal(source.read(scan.patient, OPTIONS).scan.image, scan.image)


@pytest.mark.parametrize("form", ["brats", "dicom"])
def test_links_to_patients_are_followed_and_circles_survived(tmp_path, form):
    scan = made_up_scan()
    WRITERS[form](tmp_path / "store", scan)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "store" / scan.patient)
    (tmp_path / "store" / scan.patient / "circle").symlink_to(tmp_path / "set")
    with open_source(tmp_path / "set") as source:
        (patient,) = source.patients
        np.testing.assert_array_equal(source.read(patient, OPTIONS).scan.image, scan.image)


def test_sessions_of_bids_are_examinations_of_one_subject(tmp_path):
    scans = [made_up_scan("sub-01", seed=seed) for seed in (1, 2)]
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


def test_what_a_mac_leaves_beside_files_is_passed_over(tmp_path):
    folder = write_nifti(tmp_path / "in", made_up_scan())
    (folder / f"._{made_up_scan().patient}_flair.nii.gz").write_bytes(b"Mac")
    (tmp_path / "in" / "__MACOSX" / "x").mkdir(parents=True)
    (tmp_path / "in" / "__MACOSX" / "x" / "y_flair.nii.gz").write_bytes(b"Mac")
    with open_source(tmp_path / "in") as source:
        (patient,) = source.patients
        assert source.problems == source.read(patient, OPTIONS).problems == []


@pytest.mark.parametrize(
    "bin_of", [".Trash-1000/files", "#recycle", "$RECYCLE.BIN/S-1-5", "@Recycle", ".snapshot/daily"]
)
def test_what_was_thrown_away_is_no_patient(tmp_path, bin_of):
    scan = made_up_scan("P1")
    write_nifti(tmp_path / "in" / "P1", scan)
    write_nifti(tmp_path / "in" / bin_of / "P9", made_up_scan("P9"))
    with open_source(tmp_path / "in") as source:
        assert source.patients == ["P1"]
        assert source.problems == []
    with open_source(tmp_path / "in" / bin_of) as source:  # asked for, it is read
        assert source.patients == ["P9"]


def test_what_lies_beside_the_set_is_told(tmp_path):
    for name in ("P0", "P1"):
        write_kaggle(tmp_path / "kaggle_3m", made_up_scan(name))
    write_nifti(tmp_path, made_up_scan("P2"))
    (tmp_path / "kaggle_3m" / "data.csv").write_text("Patient\n", encoding="utf-8")
    with open_source(tmp_path) as source:
        (problem,) = source.problems
    assert problem.what.endswith("recognised: P2")


def test_folders_in_which_no_patient_is_recognised_are_told(tmp_path):
    write_kaggle(tmp_path, made_up_scan())
    write_nifti(tmp_path, made_up_scan("P2"))
    with open_source(tmp_path) as source:
        (problem,) = source.problems
    assert (problem.kind, problem.what) == ("skipped", "1 folder(s) hold no patient that can be recognised: P2")
