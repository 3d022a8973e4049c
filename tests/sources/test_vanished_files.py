"""Files moved or removed while a source is read are reported as such, and never make an incomplete scan."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from scan_writers import make_scan, write_dicom, write_kaggle, write_nifti

from components.ingest.patient import read_and_check
from components.predict.checked_reading import read_one
from components.sources import open_source
from components.sources.reading import Options

PATIENTS = [f"TCGA_DU_000{i}_19990101" for i in (1, 2)]
LAYOUTS = {
    "kaggle_3m": write_kaggle,
    "NIfTI": lambda root, scan: write_nifti(root / scan.patient, scan),
    "NIfTI side by side": write_nifti,
    "DICOM": lambda root, scan: write_dicom(root / scan.patient, scan, mask=False),
}


def remove_all(files):
    for file in files:
        file.unlink()
    shutil.rmtree(files[0].parent) if not any(files[0].parent.iterdir()) else None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("damage", [remove_all, lambda files: files[0].unlink(), lambda files: files[-1].unlink()])
def test_a_patient_that_vanishes_is_reported_as_unreadable(tmp_path, layout, damage):
    for patient in PATIENTS:
        LAYOUTS[layout](tmp_path, make_scan(patient))
    with open_source(tmp_path) as source:
        damage([Path(source.tree.root, file) for file in source.entries[PATIENTS[0]].files])
        ingested = read_and_check(PATIENTS[0], source, Options(), None, masks=False)
        for_prediction = read_one((0, PATIENTS[0]), [source], Options())
        (problem,) = ingested.problems
        assert ingested.rows == []
        assert for_prediction.scan is None
        assert for_prediction.problems == [problem]
        assert problem.kind == "unreadable"
        assert "was moved or removed while it was read; see what else is changing this folder" in str(problem)
        assert read_one((0, PATIENTS[1]), [source], Options()).scan is not None


def test_a_dangling_link_is_not_a_vanished_file(tmp_path):
    write_nifti(tmp_path / PATIENTS[0], make_scan(PATIENTS[0]))
    (tmp_path / PATIENTS[0] / "notes.txt").symlink_to(tmp_path / "nowhere")
    with open_source(tmp_path) as source:
        assert source.read(PATIENTS[0]).scan is not None
