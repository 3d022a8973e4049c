"""Voxels that contradict their headers: images and masks flipped or cropped by programs that kept the header."""

from __future__ import annotations

import numpy as np
import pytest
from phantom_files import OPTIONS, read
from phantoms import phantom, write_nifti_volume

from components.sources import open_source
from components.sources.inputs import open_input


def flipped(*axes):
    return lambda data, affine: (np.ascontiguousarray(np.flip(data, axes)), affine)


def notes(reading):
    return [(problem.kind, problem.what) for problem in reading.problems]


@pytest.mark.parametrize("role", ["t1", "t1ce"])
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (0, 2), (0, 1, 2)])
def test_a_flipped_picture_is_reported_by_ingest_and_prediction(tmp_path, role, axes):
    phantom().write(tmp_path / "P", headers={role: flipped(*axes)})
    reversed_axes = " and ".join(f"axis {axis + 1}" for axis in axes)
    for opener, masks in ((open_source, True), (open_input, False)):
        with opener(str(tmp_path)) as source:
            ((kind, what),) = notes(source.read("P", OPTIONS, masks))
        assert kind == "position"
        assert f"fits FLAIR far better with {reversed_axes} reversed" in what


def test_swapped_axes_of_a_cubic_volume_are_reported(tmp_path):
    made = phantom(shape=(32, 32, 32), zooms=(6.0, 6.0, 6.0))
    made.write(
        tmp_path / "P", headers={"t1": lambda data, affine: (np.ascontiguousarray(data.transpose(2, 1, 0)), affine)}
    )
    readings, _ = read(tmp_path)
    ((kind, what),) = notes(readings["P"])
    assert kind == "position"
    assert "with its axes swapped" in what


@pytest.mark.parametrize("seed", range(3))
def test_unaltered_volumes_are_not_reported(tmp_path, seed):
    phantom(seed).write(tmp_path / "P")
    readings, _ = read(tmp_path)
    assert notes(readings["P"]) == []


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (1, 2)])
def test_a_flipped_mask_is_noted(tmp_path, axes):
    phantom().write(tmp_path / "P", headers={"seg": flipped(*axes)})
    readings, _ = read(tmp_path)
    ((kind, what),) = notes(readings["P"])
    assert kind == "choice"
    assert "brighter tissue of FLAIR if it were mirrored" in what


def test_a_mask_of_dark_tissue_is_noted(tmp_path):
    made = phantom()
    made.write(tmp_path / "P", roles=("flair", "t1", "t1ce"))
    flair = made.volumes["flair"]
    write_nifti_volume(tmp_path / "P" / "P_seg.nii.gz", ((flair > 30) & (flair < 80)).astype(np.uint8), made.affine)
    readings, _ = read(tmp_path)
    ((kind, what),) = notes(readings["P"])
    assert kind == "choice"
    assert "where FLAIR is dark" in what


def test_a_cropped_mask_with_the_original_header_is_refused(tmp_path):
    phantom().write(tmp_path / "P", headers={"seg": lambda data, affine: (data[4:-4, 4:-4, 1:-1], affine)})
    readings, _ = read(tmp_path)
    ((kind, what),) = notes(readings["P"])
    assert kind == "position"
    assert "its shape is not" in what
    assert readings["P"].scan is None
