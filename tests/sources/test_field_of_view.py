"""A scan that is far too small or too large for a head is reported: its volumes in ml are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from phantom_files import read
from phantoms import phantom
from scan_writers import make_scan, write_series
from test_dicom import read as read_dicom


@pytest.mark.parametrize(
    ("factor", "reported"), [(0.1, True), (0.2, False), (1, False), (2, False), (8, True)]
)  # at 40 voxels, 0.2 may be a part that was cut out
def test_a_head_of_an_impossible_size_is_reported(tmp_path, factor, reported):
    made = phantom()
    made.affine = np.diag([factor] * 3 + [1]) @ made.affine
    made.write(tmp_path / "P")
    problems = read(tmp_path, masks=False)[0]["P"].problems
    assert [problem.kind for problem in problems if "voxel sizes" in problem.what] == ["choice"] * reported


@pytest.mark.parametrize(("mm", "reported"), [(0.4, True), (1, False)])
def test_a_small_head_of_many_voxels_is_reported_in_dicom_too(tmp_path, mm, reported):
    affine = np.diag([-mm, -mm, 5, 1])
    write_series(tmp_path / "P" / "flair", make_scan(size=120, affine=affine), "flair")
    problems = [problem for problem in read_dicom(tmp_path).problems if "voxel sizes" in problem.what]
    assert len(problems) == reported
