"""Images without sign that were saved as int8 or int16: bright voxels became negative, and are read as they were."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from phantom_files import read
from phantoms import phantom, write_nifti_volume


def made_of(change):
    """A phantom with all greys, as a coil that is brighter at one side gives, then changed."""
    made = phantom()
    for role in ("flair", "t1", "t1ce"):
        volume = made.volumes[role] * np.linspace(0.1, 1, len(made.volumes[role]))[:, None, None]
        made.volumes[role] = change(np.sqrt(volume))
    return made


def unsigned(bits):
    return lambda volume: np.round(volume * ((2**bits - 1) / volume.max())).astype(f"u{bits // 8}")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("slope", [1, 0.5])
def test_values_that_lost_their_sign_are_read_without_it_and_reported(tmp_path, bits, slope):
    as_it_was, saved = made_of(unsigned(bits)), made_of(lambda v: unsigned(bits)(v).view(f"i{bits // 8}"))
    as_it_was.write(tmp_path / "good" / "P")
    for role in ("flair", "t1", "t1ce", "seg"):
        path = tmp_path / "bad" / "P" / f"P_{role}.nii.gz"
        write_nifti_volume(path, saved.volumes[role], saved.affine)
        picture = nib.load(path)
        picture.header.set_slope_inter(slope if role != "seg" else 1, 0)
        nib.save(nib.Nifti1Image(saved.volumes[role], saved.affine, picture.header), path)
    good, bad = read(tmp_path / "good")[0]["P"].scan, read(tmp_path / "bad")[0]["P"]
    assert len([problem for problem in bad.problems if f"saved as int{bits}; undone" in problem.what]) == 3
    assert not any("standardised" in problem.what for problem in bad.problems)
    if slope == 1:
        np.testing.assert_array_equal(bad.scan.image, good.image)


def test_negative_values_of_a_standardised_image_stay(tmp_path):
    def standardised(volume):
        inside = volume > 0
        scaled = np.where(inside, (volume - volume[inside].mean()) / volume[inside].std() * 60, 0)
        return np.clip(scaled, -128, 127).astype(np.int8)

    made = made_of(standardised)
    assert made.volumes["flair"].min() == -128
    made.write(tmp_path / "P")
    problems = read(tmp_path)[0]["P"].problems
    assert not any("undone" in problem.what for problem in problems)


def test_an_image_from_which_128_was_subtracted_stays(tmp_path):
    made_of(lambda v: (unsigned(8)(v).astype(int) - 128).astype(np.int8)).write(tmp_path / "P")
    assert not any("undone" in problem.what for problem in read(tmp_path)[0]["P"].problems)


def test_values_of_which_nobody_can_know_the_sign_are_refused(tmp_path):
    made = phantom()
    made.volumes["flair"] = np.random.default_rng(0).integers(-128, 128, made.volumes["flair"].shape).astype(np.int8)
    made.write(tmp_path / "P")
    reading = read(tmp_path)[0]["P"]
    assert reading.scan is None
    (problem,) = reading.problems
    assert (problem.kind, "holds int8 from -128 to 127" in problem.what) == ("type", True)
    assert "save it as uint8" in problem.advice
