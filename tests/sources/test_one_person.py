"""Files of two persons in one folder of NIfTI files are refused; other numbers in their names mean nothing."""

from __future__ import annotations

import nibabel as nib
import pytest
from phantoms import phantom, put
from positions_read import read

FOREIGN = [
    ("P1_flair", "P2_t1"),
    ("P01_flair", "P2_t1"),
    ("patient_003_flair", "patient_004_t1"),
    ("UPENN-GBM-00001_11_FLAIR", "UPENN-GBM-00002_11_T1"),
    ("sub-01_FLAIR", "sub-02_T1w"),
]
OWN = [
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


def lay(folder, flair, t1, seg="seg"):
    made = phantom()
    for name, role in ((flair, "flair"), (t1, "t1"), (seg, "seg")):
        put(folder / "P" / f"{name}.nii.gz", made.volumes[role], made.affine)
    return folder


def kinds(folder):
    return {problem.kind for problem in read(folder).problems}


@pytest.mark.parametrize("names", FOREIGN, ids=" ".join)
def test_files_of_two_persons_make_no_scan(tmp_path, names):
    reading = read(lay(tmp_path, *names))
    assert [problem.kind for problem in reading.problems] == ["identity"]
    assert reading.scan is None


@pytest.mark.parametrize("names", OWN, ids=" ".join)
def test_numbers_that_count_series_or_days_are_no_persons(tmp_path, names):
    assert "identity" not in kinds(lay(tmp_path, *names))


@pytest.mark.parametrize(("space", "told"), [("MNI152NLin6Asym", True), ("SRI24", True), ("T1w", False)])
def test_a_mask_in_a_templates_space_beside_the_patients_own_pictures_is_told(tmp_path, space, told):
    folder = lay(tmp_path, "sub-01_FLAIR", "sub-01_T1w", f"sub-01_space-{space}_label-tumor_mask")
    assert ("position" in kinds(folder)) == told


@pytest.mark.parametrize(("codes", "told"), [((4, 4), True), ((3, 3), True), ((2, 2), False), ((1, 4), True)])
@pytest.mark.parametrize("moved", [True, False], ids=["moved", "same voxels"])
def test_positions_in_a_template_are_told_unless_the_voxels_are_the_same(tmp_path, codes, told, moved):
    made = phantom()
    there = made.affine.copy()
    there[2, 3] += 4 * moved
    for role, affine, written in (("flair", made.affine, (1, 1)), ("t1", there, codes)):
        put(tmp_path / "P" / f"P_{role}.nii.gz", made.volumes[role], affine, written)
    put(tmp_path / "P" / "P_seg.nii.gz", made.volumes["seg"], made.affine)
    assert ("position" in kinds(tmp_path)) == (told and moved)


@pytest.mark.parametrize(("factor", "told"), [(0.5, True), (1.0, False), (1.004, False), (1.05, True)])
def test_voxel_sizes_that_contradict_the_affine_are_told(tmp_path, factor, told):
    made = phantom()
    path = made.write(tmp_path / "P") / "P_flair.nii.gz"
    picture = nib.load(path)
    picture = nib.Nifti1Image(picture.dataobj[...], made.affine)
    picture.set_sform(made.affine, 1)
    picture.set_qform(None, 0)
    picture.header["pixdim"][1:4] *= factor
    nib.save(picture, path)
    what = " ".join(problem.what for problem in read(tmp_path).problems)
    assert ("by pixdim; sform is taken" in what) == told
