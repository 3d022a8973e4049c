"""`glioflow drift` on scans that have not been ingested and have no masks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ingest_into, tiny_tree
from in_process import glioflow
from layered_models import write_layered
from PIL import Image
from scan_writers import make_scan, write_nifti

from components.sources.demo import write_demo
from components.sources.reading import Options


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


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """Five patients in `in`, and ingested to slices other than those of params.yaml in `data`."""
    folder = tmp_path_factory.mktemp("volumes")
    for number in range(5):
        write_nifti(folder / "in", make_scan(f"P{number}"))
    (folder / "data").mkdir()
    ingest_into(folder / "data", folder / "in", options=Options(48, 0.9))
    return folder


def test_volumes_are_compared_on_the_slices_of_the_training_set(tmp_path, volumes):
    result = drift(tmp_path, volumes / "in", volumes / "data")
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(tmp_path / "drift.csv")
    assert (table["distance"] == 0).all()  # they are the same patients


def test_a_model_for_other_slices_than_the_training_set_is_refused(tmp_path, volumes):
    write_layered(tmp_path / "model", slices={"size": 48, "spacing": 1.5, "channels": ["pre", "flair", "post"]})
    result = drift(tmp_path, volumes / "in", volumes / "data", "--model", tmp_path / "model")
    assert result.returncode == 2
    assert "was made for slices of 48 pixels of 1.5 mm, and those in" in result.stderr
    assert "have 48 of 0.9 mm" in result.stderr
    assert not (tmp_path / "drift.csv").exists()


def test_a_training_set_without_scans_is_refused(tmp_path, volumes):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.csv").write_bytes((volumes / "data" / "manifest.csv").read_bytes())
    result = drift(tmp_path, volumes / "in", tmp_path / "data")
    assert result.returncode == 2
    assert "nothing tells how volumes were resampled to slices; run `dvc checkout` there" in result.stderr
