"""NIfTI files of two persons in one folder are refused; other numbers in their names are ignored."""

from __future__ import annotations

import nibabel as nib
import pytest
from phantoms import phantom, write_nifti_volume
from read_positions import read

TWO_PERSONS = [
    ("P1_flair", "P2_t1"),
    ("P01_flair", "P2_t1"),
    ("patient_003_flair", "patient_004_t1"),
    ("UPENN-GBM-00001_11_FLAIR", "UPENN-GBM-00002_11_T1"),
    ("sub-01_FLAIR", "sub-02_T1w"),
]
ONE_PERSON = [
    ("P1_flair", "P1_t1"),
    ("P1_flair", "P01_t1"),
    ("series_3_flair", "series_4_t1"),
    ("ax3_flair", "ax4_t1"),
    ("401_flair", "301_t1"),
    ("20200101_flair", "20200102_t1"),
    ("t2_flair", "t1"),
    ("BraTS-GLI-00005-000-t2f", "BraTS-GLI-00005-000-t1n"),
    ("sub-01_space-T1w_FLAIR", "sub-01_T1w"),
    ("P1_flair", "rP1_t1"),
]


def write_patient(folder, flair, t1, seg="seg"):
    made = phantom()
    for name, role in ((flair, "flair"), (t1, "t1"), (seg, "seg")):
        write_nifti_volume(folder / "P" / f"{name}.nii.gz", made.volumes[role], made.affine)
    return folder


def kinds(folder):
    return {problem.kind for problem in read(folder).problems}


@pytest.mark.parametrize("names", TWO_PERSONS, ids=" ".join)
def test_files_of_two_persons_are_refused(tmp_path, names):
    reading = read(write_patient(tmp_path, *names))
    assert [problem.kind for problem in reading.problems] == ["identity"]
    assert reading.scan is None


@pytest.mark.parametrize("names", ONE_PERSON, ids=" ".join)
def test_series_numbers_and_dates_do_not_separate_persons(tmp_path, names):
    assert "identity" not in kinds(write_patient(tmp_path, *names))


@pytest.mark.parametrize(("space", "reported"), [("MNI152NLin6Asym", True), ("SRI24", True), ("T1w", False)])
def test_a_mask_in_template_space_beside_native_images_is_reported(tmp_path, space, reported):
    folder = write_patient(tmp_path, "sub-01_FLAIR", "sub-01_T1w", f"sub-01_space-{space}_label-tumor_mask")
    assert ("position" in kinds(folder)) == reported


@pytest.mark.parametrize(("codes", "reported"), [((4, 4), True), ((3, 3), True), ((2, 2), False), ((1, 4), True)])
@pytest.mark.parametrize("moved", [True, False], ids=["moved", "same voxels"])
def test_template_positions_are_reported_unless_the_voxels_match(tmp_path, codes, reported, moved):
    made = phantom()
    shifted = made.affine.copy()
    shifted[2, 3] += 4 * moved
    for role, affine, written in (("flair", made.affine, (1, 1)), ("t1", shifted, codes)):
        write_nifti_volume(tmp_path / "P" / f"P_{role}.nii.gz", made.volumes[role], affine, written)
    write_nifti_volume(tmp_path / "P" / "P_seg.nii.gz", made.volumes["seg"], made.affine)
    assert ("position" in kinds(tmp_path)) == (reported and moved)


@pytest.mark.parametrize(("factor", "reported"), [(0.5, True), (1.0, False), (1.004, False), (1.05, True)])
def test_voxel_sizes_that_contradict_the_affine_are_reported(tmp_path, factor, reported):
    made = phantom()
    path = made.write(tmp_path / "P") / "P_flair.nii.gz"
    picture = nib.load(path)
    picture = nib.Nifti1Image(picture.dataobj[...], made.affine)
    picture.set_sform(made.affine, 1)
    picture.set_qform(None, 0)
    picture.header["pixdim"][1:4] *= factor
    nib.save(picture, path)
    what = " ".join(problem.what for problem in read(tmp_path).problems)
    assert ("by pixdim; sform is taken" in what) == reported
