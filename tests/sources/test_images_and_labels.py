"""Medical Decathlon and nnU-Net: images and labels in separate folders, numbered channels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from phantom_files import assert_complete, patient_files, place_files, read
from phantoms import phantom, write_nifti_volume

from components.common.errors import UserError
from components.sources import open_source
from components.sources.inputs import open_input
from components.sources.reading import Options

MODALITIES = {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}


@pytest.mark.parametrize("key", ["modality", "channel_names"])
@pytest.mark.parametrize("form", ["decathlon", "nnU-Net"])
def test_channels_are_read_as_dataset_json_names_them(tmp_path, form, key):
    made = phantom()
    stack = np.stack([made.volumes[one] for one in ("flair", "t1", "t1ce", "flair")], -1)
    for name in ("BRATS_001", "BRATS_002"):
        write_nifti_volume(tmp_path / "labelsTr" / f"{name}.nii.gz", made.volumes["seg"], made.affine)
        if form == "decathlon":
            write_nifti_volume(tmp_path / "imagesTr" / f"{name}.nii.gz", stack, made.affine)
        else:
            for channel in range(4):
                write_nifti_volume(
                    tmp_path / "imagesTr" / f"{name}_{channel:04}.nii.gz", stack[..., channel], made.affine
                )
    (tmp_path / "dataset.json").write_text(json.dumps({key: MODALITIES}), encoding="utf-8")
    readings, problems = read(tmp_path)
    assert_complete(readings, "BRATS_001", "BRATS_002")
    assert problems == []


@pytest.mark.parametrize("form", ["decathlon", "nnU-Net"])
def test_unnamed_channels_are_refused_with_the_parameter_to_set(tmp_path, form):
    made = phantom()
    stack = np.stack([made.volumes[one] for one in ("flair", "t1", "t1ce", "flair")], -1)
    if form == "decathlon":
        write_nifti_volume(tmp_path / "imagesTr" / "B_001.nii.gz", stack, made.affine)
    else:
        for channel in range(4):
            write_nifti_volume(tmp_path / "imagesTr" / f"B_001_{channel:04}.nii.gz", stack[..., channel], made.affine)
    write_nifti_volume(tmp_path / "labelsTr" / "B_001.nii.gz", made.volumes["seg"], made.affine)
    readings, _ = read(tmp_path)
    (problem,) = readings["B_001"].problems
    assert readings["B_001"].scan is None
    assert "ingest.channels" in str(problem)
    with open_source(tmp_path) as source:
        options = Options(size=40, spacing=6.0, channels=("flair", "pre", "post", "t2"))
        assert_complete({"B_001": source.read("B_001", options)}, "B_001")


@pytest.mark.parametrize("form", ["decathlon", "nnU-Net"])
def test_an_unconfirmed_order_of_channels_is_noted(tmp_path, form):
    made = phantom()
    stack = np.stack([made.volumes[one] for one in ("t1", "flair", "t1ce")], -1)
    if form == "decathlon":
        write_nifti_volume(tmp_path / "imagesTs" / "B_001.nii.gz", stack, made.affine)
    else:
        for channel in range(3):
            write_nifti_volume(tmp_path / "imagesTs" / f"B_001_{channel:04}.nii.gz", stack[..., channel], made.affine)
    reading = read(tmp_path, masks=False)[0]["B_001"]
    assert reading.scan is not None
    (problem,) = reading.problems
    assert "taken as pre, flair, post, in this order" in problem.what


def test_two_channels_of_one_name_are_refused(tmp_path):
    made = phantom()
    stack = np.stack([made.volumes[one] for one in ("flair", "t1", "t1ce")], -1)
    write_nifti_volume(tmp_path / "imagesTs" / "B_001.nii.gz", stack, made.affine)
    (tmp_path / "dataset.json").write_text(json.dumps({"modality": ["FLAIR", "T1w", "T1w"]}), encoding="utf-8")
    reading = read(tmp_path, masks=False)[0]["B_001"]
    assert reading.scan is None
    assert "are pre" in reading.problems[0].what


def test_an_images_folder_uses_the_dataset_json_above_it(tmp_path):
    made = phantom()
    for channel, role in enumerate(("flair", "t1", "t1ce", "flair")):
        write_nifti_volume(
            tmp_path / "set" / "imagesTs" / f"B_001_{channel:04}.nii.gz", made.volumes[role], made.affine
        )
    (tmp_path / "set" / "dataset.json").write_text(json.dumps({"channel_names": MODALITIES}), encoding="utf-8")
    ((patient, reading),) = read(tmp_path / "set" / "imagesTs", open_input, masks=False)[0].items()
    assert (patient, reading.problems) == ("B_001", [])
    assert not any(reading.scan.missing_sequences().values())


def test_years_at_the_end_of_names_are_not_taken_for_channels(tmp_path):
    place_files(tmp_path, *patient_files("P1", "P1", "flair_2019", "t1_2019", "t1ce_2019", "seg_2019"))
    assert_complete(read(tmp_path)[0], "P1")


def write_two_sets(root):
    place_files(root, "msd/imagesTr/B_001_0000.nii.gz=F", "msd/labelsTr/B_001.nii.gz=B")
    place_files(root, "nnunet/imagesTr/C_001_0000.nii.gz=F", "nnunet/labelsTr/C_001.nii.gz=B")
    return root


def test_two_data_sets_side_by_side_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"it holds separate data sets, msd, nnunet; give one of them"):
        read(write_two_sets(tmp_path))


def test_a_data_set_beside_patients_is_reported_as_lost(tmp_path):
    place_files(write_two_sets(tmp_path), *patient_files("P1", "P1"), *patient_files("P2", "P2"))
    readings, (problem,) = read(tmp_path)
    assert sorted(readings) == ["P1", "P2"]
    assert problem.lost
    assert "msd/imagesTr" in problem.what


def test_an_images_folder_of_one_patient_is_not_a_data_set(tmp_path):
    place_files(tmp_path, *patient_files("P1/images", "P1"), *patient_files("P2/images", "P2"))
    assert sorted(read(tmp_path)[0]) == ["P1", "P2"]
