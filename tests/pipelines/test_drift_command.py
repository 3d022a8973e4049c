"""`glioflow drift` on scans that have not been ingested and have no masks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import tiny_tree
from in_process import glioflow
from PIL import Image

from components.sources.demo import write_demo


@pytest.fixture
def batch(tmp_path):
    """A folder of new patients without masks, from the same synthetic scanner."""
    write_demo(tmp_path / "new", patients=7, slices=8, size=64, seed=5)
    for mask in (tmp_path / "new").rglob("*_mask.tif"):
        mask.unlink()
    return tmp_path / "new"


def drift(tmp_path, new, data, *arguments):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    return glioflow("drift", new, "--against", data, "--out", tmp_path / "drift.csv", *arguments, cwd=tmp_path)


def test_scans_of_the_same_scanner_pass(tmp_path, batch, data):
    result = drift(tmp_path, batch, data)
    assert result.returncode == 0, result.stderr
    assert "7 new patient(s) compared" in result.stdout
    assert set(pd.read_csv(tmp_path / "drift.csv")["drift"]) == {"no"}


def test_scans_of_a_brighter_scanner_are_reported_and_exit_with_1(tmp_path, batch, data):
    for path in batch.rglob("*.tif"):
        Image.fromarray(np.minimum(255, np.asarray(Image.open(path)) * 2.5).astype(np.uint8)).save(path)
    result = drift(tmp_path, batch, data, "--level", "0.05")
    assert result.returncode == 1, result.stderr
    assert "drift: mean_flair: " in result.stdout
    table = pd.read_csv(tmp_path / "drift.csv").set_index("feature")
    assert table.loc["missing_pre", "drift"] == "no"


def test_a_folder_without_a_training_set_is_reported(tmp_path, batch):
    result = drift(tmp_path, batch, tmp_path)
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith(f"glioflow: {tmp_path}/manifest.csv: not readable")
