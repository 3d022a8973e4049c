"""The first stages work on real scans, if they are available."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from conftest import LGG, ingest_into

from components.common.tables import read_manifest
from components.convert.stage import convert
from components.scans.scan_files import read_scan
from components.sources import open_source
from components.split.leakage import find_leaks, find_look_alikes
from components.split.rule import SplitRule
from components.split.stage import NEAR, split

pytestmark = pytest.mark.skipif(not LGG.is_dir(), reason=f"no real scans: {LGG.name} does not lie beside the project")

# One patient of each available site, one without a pre-contrast and one without a post-contrast sequence.
PATIENTS = [
    "TCGA_CS_4943_20000902",
    "TCGA_DU_5849_19950405",
    "TCGA_DU_7298_19910324",
    "TCGA_CS_6186_20000601",
]


@pytest.fixture(scope="module")
def kaggle_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lgg") / "kaggle_3m"
    subprocess.run([sys.executable, LGG / "unpack.py", folder, *PATIENTS], check=True, capture_output=True)
    return folder


def test_real_scans_are_ingested_split_and_converted(tmp_path, kaggle_folder):
    with open_source(kaggle_folder) as source:
        assert source.patients == sorted(PATIENTS)
        assert not source.synthetic
        read = {name: source.read(name).scan for name in PATIENTS}
    manifest = ingest_into(tmp_path, kaggle_folder)
    assert set(manifest["site"]) == {"CS", "DU"}
    assert (manifest.groupby("patient")["has_tumor"].sum() > 0).all()
    for name in PATIENTS:
        before, after = read[name], read_scan(tmp_path / "scans", name)
        np.testing.assert_array_equal(before.image, after.image)
        np.testing.assert_array_equal(before.mask, after.mask)
        assert len(before.image) == (manifest["patient"] == name).sum()
    splits = split(
        tmp_path / "manifest.csv", tmp_path / "splits.csv", tmp_path / "ledger.csv", SplitRule(0.25, 0.25, 2, seed=1)
    )
    manifest = read_manifest(tmp_path / "manifest.csv")
    assert find_leaks(manifest, splits) == find_look_alikes(manifest, splits, NEAR) == []
    convert(
        tmp_path / "scans",
        tmp_path / "splits.csv",
        tmp_path / "examples",
        shards=1,
        beam_args=["--runner=FnApiRunner"],
    )
    assert len(list((tmp_path / "examples").rglob("*.gz"))) == 3
