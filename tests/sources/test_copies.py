"""A sequence that is a copy of another one is not taken for what its name says."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from phantom_files import OPTIONS, read
from phantoms import phantom, write_nifti_volume
from scan_writers import make_scan, write_kaggle, write_series
from test_dicom import read as read_dicom

from components.sources import open_source

CHANGES = {
    "copied": lambda volume: volume,
    "scaled to 0..1": lambda volume: volume / volume.max(),
    "scaled to 8 bits": lambda volume: np.round(volume * (255 / volume.max())).astype(np.uint8),
    "standardised": lambda volume: ((volume - volume.mean()) / volume.std()).astype(np.float32),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("role", "of", "named"),
    [("t1", "flair", "flair and pre"), ("t1ce", "flair", "flair and post"), ("t1ce", "t1", "post and pre")],
)
def test_a_copy_under_the_name_of_another_sequence_is_refused(tmp_path, role, of, named, change):
    made = phantom()
    made.volumes[role] = CHANGES[change](made.volumes[of])
    made.write(tmp_path / "P")
    reading = read(tmp_path)[0]["P"]
    assert reading.scan is None
    (problem,) = reading.problems
    assert (problem.kind, f"{named} are the same picture" in problem.what) == ("series", True)


def test_two_acquisitions_that_differ_by_noise_alone_are_not_called_copies(tmp_path):
    made, again = phantom(), phantom(seed=1)
    made.volumes["t1ce"] = again.volumes["t1"]
    made.write(tmp_path / "P")
    assert read(tmp_path)[0]["P"].problems == []


def test_pictures_that_differ_in_a_small_tumour_are_not_called_copies(tmp_path):
    made = phantom()
    made.volumes["t1ce"] = np.where(made.volumes["seg"] > 0, made.volumes["t1"] * 2, made.volumes["t1"])
    made.write(tmp_path / "P")
    assert read(tmp_path)[0]["P"].problems == []


def test_dicom_series_of_the_same_pixels_under_two_descriptions_are_refused(tmp_path):
    scan = make_scan()
    scan.image[..., 2] = scan.image[..., 0]
    for channel in ("pre", "flair", "post"):
        write_series(tmp_path / "P" / channel, scan, channel)
    reading = read_dicom(tmp_path)
    assert reading.scan is None
    assert any("post and pre are the same picture" in problem.what for problem in reading.problems)


@pytest.mark.parametrize("missing", [(0,), (2,), (0, 2)])
def test_a_4d_file_may_hold_flair_in_place_of_a_missing_sequence(tmp_path, missing):
    image = make_scan().image
    for channel in missing:
        image[..., channel] = image[..., 1]
    nib.save(nib.Nifti1Image(image.transpose(2, 1, 0, 3), np.diag([1.0, 1, 5, 1])), tmp_path / "P.nii.gz")
    with open_source(tmp_path) as source:
        scan = source.read("P", OPTIONS, masks=False).scan
    assert sum(scan.missing_sequences().values()) == len(missing)


def test_a_4d_file_whose_t1_and_t1_with_agent_are_equal_is_refused(tmp_path):
    volumes = phantom().volumes
    stack = np.stack([volumes["t1"], volumes["flair"], volumes["t1"]], -1)
    write_nifti_volume(tmp_path / "P.nii.gz", stack, phantom().affine)
    reading = read(tmp_path, masks=False)[0]["P"]
    assert reading.scan is None
    assert reading.has("series")


def test_slices_whose_t1_and_t1_with_agent_are_equal_are_reported(tmp_path):
    scan = make_scan()
    scan.image[..., 2] = scan.image[..., 0]
    write_kaggle(tmp_path, scan)
    with open_source(tmp_path) as source:
        problems = source.read(scan.patient).problems
    assert ["pre and post are the same picture" in problem.what for problem in problems] == [True]
