"""Several files of one sequence: derived copies are recognised, and the original is taken."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from phantom_files import place_files, read
from phantoms import phantom, write_nifti_volume

from components.common.errors import UserError
from components.sources import open_source
from components.sources.nifti import file_names

COPIES = {
    "SPM": ["c1P_t1=H", "c2P_t1=H", "rP_t1=T", "wP_t1=T", "mP_t1=T", "y_P_t1=T"],
    "FSL, HD-BET": ["P_t1_brain=T", "P_t1_hdbet=T", "P_flair_hdbet=F", "P_t1_brain_pve_0=H"],
    "registered": ["P_t1_to_t1ce=T", "P_flair_to_t1ce=F", "P_t1_MNI152=T"],
    "SynthSeg, SynthSR": ["P_t1_synthseg=H", "P_t1_SynthSR=T", "P_flair_SR=F"],
    "dcm2niix": ["P_t1a=C", "P_t1_ph=C", "P_t1_real=C", "P_t1_imaginary=C", "P_flair_ph=T", "P_t1_Crop_1=C"],
    "planes": ["P_t1_cor=C", "P_t1_sag=C", "P_flair_sag=T"],
    "subtraction": ["P_t1ce_minus_t1=T", "P_t1_sub=T"],
    "Dixon": ["P_t1_dixon_F=C", "P_t1_dixon_in=C", "P_t1_dixon_opp=C"],
    "histograms": ["P_flair_hm=T", "P_flair_ws=T"],
}


@pytest.mark.parametrize("program", COPIES)
def test_derived_files_do_not_replace_the_original(tmp_path, program):
    extra = [f"P/{name}.nii.gz={what}" for name, _, what in (file.partition("=") for file in COPIES[program])]
    place_files(tmp_path, "P/P_flair.nii.gz=F", "P/P_t1.nii.gz=T", "P/P_t1ce.nii.gz=C", "P/P_seg.nii.gz=B", *extra)
    place_files(tmp_path / "alone", "P/P_flair.nii.gz=F", "P/P_t1.nii.gz=T", "P/P_t1ce.nii.gz=C", "P/P_seg.nii.gz=B")
    (tmp_path / "alone").rename(tmp_path.with_name(f"{tmp_path.name}-alone"))
    found, _ = read(tmp_path)
    expected, _ = read(tmp_path.with_name(f"{tmp_path.name}-alone"))
    np.testing.assert_array_equal(found["P"].scan.image, expected["P"].scan.image)
    assert {problem.kind for problem in found["P"].problems} <= {"choice", "unknown"}


def test_a_series_number_and_a_plane_are_not_a_patient_name(tmp_path):
    place_files(tmp_path, *(f"P/{name}.nii.gz=F" for name in ("4_AX_FLAIR", "5_COR_FLAIR")), "P/3_AX_T1.nii.gz=T")
    readings, problems = read(tmp_path)
    assert problems == []
    assert list(readings) == ["P"]
    assert "4_AX_FLAIR.nii.gz is used as FLAIR" in str(readings["P"].problems[0])


def test_the_equidistant_copy_of_dcm2niix_is_preferred():
    found = file_names.roles(["4_FLAIR.nii.gz", "4_FLAIR_Eq_1.nii.gz", "3_T1.nii.gz"], "P")
    assert found["4_FLAIR_Eq_1.nii.gz"].rank > found["4_FLAIR.nii.gz"].rank


def test_bids_runs_and_acquisitions_count_as_one_sequence(tmp_path):
    files = (
        "FLAIR=F",
        "run-1_T1w=T",
        "run-2_T1w=T",
        "part-phase_T1w=C",
        "UNIT1=C",
        "acq-a_ce-gd_T1w=C",
        "acq-b_ce-gd_T1w=C",
    )
    place_files(tmp_path, *(f"sub-01/anat/sub-01_{file.replace('=', '.nii.gz=')}" for file in files))
    readings, _ = read(tmp_path, masks=False)
    assert readings["sub-01"].scan is not None
    notes = " ".join(str(problem) for problem in readings["sub-01"].problems)
    assert "sub-01_run-1_T1w.nii.gz is used as T1, not sub-01_UNIT1.nii.gz, sub-01_run-2_T1w.nii.gz" in notes


def test_a_mask_with_rounding_errors_of_its_scale_factor_is_read(tmp_path):
    made = phantom()
    made.write(tmp_path / "P", roles=("flair", "t1", "t1ce"))
    picture = nib.Nifti1Image(made.volumes["seg"].astype(np.int16) * 32767, made.affine)
    picture.header.set_slope_inter(1 / 32767.1, 0)
    picture.to_filename(tmp_path / "P" / "P_seg.nii.gz")
    readings, _ = read(tmp_path)
    assert readings["P"].problems == []
    assert readings["P"].scan.mask.any()


def test_a_mask_scaled_to_nearly_zero_is_refused(tmp_path):
    made = phantom()
    made.write(tmp_path / "P", roles=("flair", "t1", "t1ce"))
    picture = nib.Nifti1Image(made.volumes["seg"].astype(np.int16), made.affine)
    picture.header.set_slope_inter(1 / 255, 0)
    picture.to_filename(tmp_path / "P" / "P_seg.nii.gz")
    readings, _ = read(tmp_path)
    assert [problem.kind for problem in readings["P"].problems] == ["mask_values"]


@pytest.mark.parametrize("names", [["FLAIR"], ["T1", "Flair", "T1ce"]])
def test_channel_names_may_be_a_list_even_of_one(tmp_path, names):
    made = phantom()
    roles = {"FLAIR": "flair", "Flair": "flair", "T1": "t1", "T1ce": "t1ce"}
    for number, name in enumerate(names):
        write_nifti_volume(tmp_path / "imagesTr" / f"B_1_{number:04}.nii.gz", made.volumes[roles[name]], made.affine)
    write_nifti_volume(tmp_path / "labelsTr" / "B_1.nii.gz", made.volumes["seg"], made.affine)
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": names}), encoding="utf-8")
    readings, _ = read(tmp_path)
    assert readings["B_1"].problems == []
    assert readings["B_1"].scan is not None


def test_archives_in_a_folder_are_reported_as_the_reason(tmp_path):
    (tmp_path / "P1.zip").write_bytes(b"PK")
    (tmp_path / "P2.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"unpack the 2 archive\(s\) in it first"), open_source(tmp_path):
        pass
