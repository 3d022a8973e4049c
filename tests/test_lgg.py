"""Some of the chain on real scans, where they are at hand."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from conftest import LGG

from components.convert import convert
from components.ingest import ingest
from components.scan import read_scan
from components.sources import open_source
from components.split import find_leaks, split
from components.tables import read_manifest

pytestmark = pytest.mark.skipif(not LGG.is_dir(), reason=f"no real scans: {LGG.name} does not lie beside the project")

# One of each site at hand, one whose pre-contrast and one whose post-contrast sequence is missing.
PATIENTS = [
    "TCGA_CS_4943_20000902",
    "TCGA_DU_5849_19950405",
    "TCGA_DU_7298_19910324",
    "TCGA_CS_6186_20000601",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lgg") / "kaggle_3m"
    subprocess.run([sys.executable, LGG / "unpack.py", folder, *PATIENTS], check=True, capture_output=True)
    return folder


def test_real_scans_go_from_files_to_examples(tmp_path, tree):
    source = open_source(tree)
    assert source.patients == sorted(PATIENTS)
    assert not source.synthetic
    manifest = ingest(tree, tmp_path / "scans", tmp_path / "manifest.csv")
    assert set(manifest["site"]) == {"CS", "DU"}
    assert (manifest.groupby("patient")["has_tumor"].sum() > 0).all()
    for name in PATIENTS:
        before, after = source.read(name), read_scan(tmp_path / "scans", name)
        np.testing.assert_array_equal(before.image, after.image)
        np.testing.assert_array_equal(before.mask, after.mask)
        assert len(before.image) == (manifest["patient"] == name).sum()
    splits = split(tmp_path / "manifest.csv", tmp_path / "splits.csv", val=0.25, test=0.25, folds=2, seed=1)
    assert find_leaks(read_manifest(tmp_path / "manifest.csv"), splits) == []
    convert(
        tmp_path / "scans",
        tmp_path / "splits.csv",
        tmp_path / "examples",
        shards=1,
        beam_args=["--runner=DirectRunner"],
    )
    assert len(list((tmp_path / "examples").rglob("*.gz"))) == 3
