"""NIfTI headers with lengths in metres or microns are converted, and noted."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from phantom_files import read
from phantoms import phantom

FACTORS = {"meter": 0.001, "micron": 1000.0}


def write(folder, unit, factor, position=True):
    made = phantom()
    folder.mkdir(parents=True)
    affine = np.diag([factor] * 3 + [1]) @ made.affine
    for role in ("flair", "t1", "t1ce", "seg"):
        picture = nib.Nifti1Image(made.volumes[role], affine)
        picture.header.set_xyzt_units(unit)
        picture.set_qform(affine, int(position))
        picture.set_sform(affine, int(position))
        nib.save(picture, folder / f"P_{role}.nii.gz")


@pytest.mark.parametrize("position", [True, False], ids=["placed", "without position"])
@pytest.mark.parametrize("unit", FACTORS)
def test_lengths_in_other_units_are_converted_and_noted(tmp_path, unit, position):
    write(tmp_path / "mm" / "P", "mm", 1.0, position)
    write(tmp_path / "in" / "P", unit, FACTORS[unit], position)
    expected, found = read(tmp_path / "mm")[0]["P"], read(tmp_path / "in")[0]["P"]
    np.testing.assert_allclose(found.scan.affine, expected.scan.affine, atol=1e-3)
    assert (found.scan.mask != expected.scan.mask).mean() < 0.001  # rounding of 32 bits
    notes = [problem for problem in found.problems if "converted to millimetres" in problem.what]
    assert [problem.kind for problem in notes] == ["choice"] * 4
    assert len(found.problems) == len(expected.problems) + 4


@pytest.mark.parametrize("unit", FACTORS)
def test_a_unit_that_no_head_can_have_is_not_believed(tmp_path, unit):
    write(tmp_path / "P", unit, 1.0)
    reading = read(tmp_path)[0]["P"]
    assert reading.scan.spacing[0] == pytest.approx(11)
    assert all("they can only be millimetres" in problem.what for problem in reading.problems)
    assert len(reading.problems) == 4


def test_metres_without_the_unit_are_refused_with_the_sizes(tmp_path):
    write(tmp_path / "P", "mm", 0.001)
    reading = read(tmp_path)[0]["P"]
    assert reading.scan is None
    assert "its header gives voxels of 0.005 x 0.006 x 0.011 mm" in reading.problems[0].what
