"""Layouts of NIfTI files in public sets: BraTS, UPENN-GBM, UCSF-PDGM, BIDS with derivatives."""

from __future__ import annotations

import pytest
from phantom_files import assert_complete, patient_files, place_files, read

from components.scans.identity import subject_of


def test_brats_with_a_folder_per_grade_is_read(tmp_path):
    names = {"HGG": ["Brats18_2013_10_1", "Brats18_CBICA_AAB_1"], "LGG": ["Brats18_2013_0_1"]}
    place_files(
        tmp_path, *(file for grade in names for name in names[grade] for file in patient_files(f"{grade}/{name}", name))
    )
    readings, problems = read(tmp_path)
    assert_complete(readings, *names["HGG"], *names["LGG"])
    assert problems == []


@pytest.mark.parametrize("prefix", ["", "UPENN-GBM/NIfTI-files/"])
def test_upenn_gbm_with_a_folder_per_kind_of_file_is_read(tmp_path, prefix):
    names = ["UPENN-GBM-00001_11", "UPENN-GBM-00002_11"]
    for name in names:
        files = [
            f"{prefix}images_structural/{name}/{name}_{one}.nii.gz" for one in ("FLAIR=F", "T1=T", "T1GD=C", "T2=F")
        ]
        files = [file.replace("=F.nii.gz", ".nii.gz=F").replace("=T.nii.gz", ".nii.gz=T") for file in files]
        files = [file.replace("=C.nii.gz", ".nii.gz=C") for file in files]
        place_files(
            tmp_path,
            *files,
            f"{prefix}images_DTI/images_DTI/{name}/{name}_DTI_FA.nii.gz=T",
            f"{prefix}images_DSC/{name}/{name}_DSC_ap-rCBV.nii.gz=T",
            f"{prefix}images_segm/{name}_segm.nii.gz=B",
        )
    readings, problems = read(tmp_path)
    assert_complete(readings, *names)
    assert problems == []


def test_upenn_gbm_manual_masks_and_skull_stripped_images_are_preferred(tmp_path):
    name = "UPENN-GBM-00001_11"
    place_files(
        tmp_path,
        *patient_files(f"images_structural/{name}", name, "FLAIR", "T1", "T1GD")[:3],
        f"images_structural_unstripped/{name}/{name}_FLAIR_unstripped.nii.gz=F",
        f"images_segm/{name}_segm.nii.gz=B",
        f"automated_segm/{name}_automated_approx_segm.nii.gz=H",
    )
    ((patient, reading),) = read(tmp_path)[0].items()
    assert patient == name
    assert reading.scan is not None
    notes = " ".join(problem.what for problem in reading.problems)
    assert f"{name}_FLAIR.nii.gz is used as FLAIR, not {name}_FLAIR_unstripped.nii.gz" in notes
    assert f"{name}_segm.nii.gz is used as the mask, not {name}_automated_approx_segm.nii.gz" in notes


def test_ucsf_pdgm_with_brain_masks_and_a_follow_up_is_read(tmp_path):
    for name in ("UCSF-PDGM-0004", "UCSF-PDGM-0429", "UCSF-PDGM-0429_FU003d"):
        place_files(
            tmp_path,
            *patient_files(f"{name}_nifti", name, "FLAIR", "T1", "T1c", "tumor_segmentation"),
            f"{name}_nifti/{name}_brain_segmentation.nii.gz=H",
            f"{name}_nifti/{name}_brain_parenchyma_segmentation.nii.gz=H",
            f"{name}_nifti/{name}_DTI_eddy_MD.nii.gz=T",
        )
    readings, _ = read(tmp_path)
    assert_complete(readings, "UCSF-PDGM-0004", "UCSF-PDGM-0429", "UCSF-PDGM-0429_FU003d")
    assert len({subject_of(name) for name in readings}) == 2


@pytest.mark.parametrize("pipeline", ["manual_masks/", ""])
def test_bids_masks_below_derivatives_are_read(tmp_path, pipeline):
    for name in ("sub-01", "sub-02"):
        place_files(
            tmp_path,
            *patient_files(f"{name}/anat", name, "FLAIR", "T1w", "ce-gadolinium_T1w")[:3],
            f"{name}/func/{name}_task-rest_bold.nii.gz=T",
            f"derivatives/{pipeline}{name}/anat/{name}_label-lesion_mask.nii.gz=B",
            f"derivatives/bet/{name}/anat/{name}_desc-brain_mask.nii.gz=H",
            f"derivatives/bet/{name}/anat/{name}_desc-preproc_T1w.nii.gz=T",
        )
    (tmp_path / "dataset_description.json").write_text("{}", encoding="utf-8")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "convert.py").write_text("", encoding="utf-8")
    readings, problems = read(tmp_path)
    assert_complete(readings, "sub-01", "sub-02")
    assert problems == []


def test_bids_sessions_get_their_own_masks(tmp_path):
    for session in ("ses-pre", "ses-post"):
        start = f"sub-01_{session}"
        place_files(
            tmp_path,
            *patient_files(f"sub-01/{session}/anat", start, "FLAIR", "T1w", "ce-gd_T1w")[:3],
            f"derivatives/lesions/sub-01/{session}/anat/{start}_label-tumor_dseg.nii.gz=B",
        )
    readings, problems = read(tmp_path)
    assert_complete(readings, "sub-01_ses-pre", "sub-01_ses-post")
    assert problems == []
    assert {subject_of(name) for name in readings} == {"sub-01"}
