"""Machines share one run: DVC runs the project's own stages up to the split on scans in a bucket."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
import yaml
from conftest import ROOT, tiny_tree
from dvc_project import files, init_project, isolate, push_and_tag, run
from gcs_server import upload
from scan_writers import make_scan, write_kaggle

PATIENTS = [f"TCGA_DU_000{i}_19990101" for i in range(1, 6)]
PROJECT_FILES = [
    "components",
    "models",
    "pipelines",
    "own",
    "benchmarks/quality/reference",
    "dvc.yaml",
    "pyproject.toml",
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
]


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path_factory, warm_programs):
    isolate(monkeypatch, tmp_path_factory)
    monkeypatch.setenv("PATH", warm_programs[0])


@pytest.fixture
def workflow(tmp_path, bucket):
    """The project's own stages at tiny sizes, and five patients in the bucket."""
    folder = tmp_path / "here"
    (folder / ".dvc").mkdir(parents=True)
    for name in PROJECT_FILES:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
    for patient in PATIENTS:
        write_kaggle(tmp_path / "scans", make_scan(patient))
    upload(bucket, tmp_path / "scans", "incoming")
    init_project(folder)
    return folder


def set_source(folder, source):
    tree = tiny_tree() | {"source": source}
    tree["ingest"]["workers"] = 1
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")


def read_splits(folder):
    return pd.read_csv(folder / "data" / "splits.csv").set_index("patient")["split"].to_dict()


def upload_more_patients(tmp_path, bucket):
    for i in range(6):
        write_kaggle(tmp_path / "more", make_scan(f"TCGA_CS_000{i}_19990101"))
    upload(bucket, tmp_path / "more", "incoming")


def test_a_colleague_gets_the_same_split_and_a_later_run_keeps_it(tmp_path, bucket, workflow):
    set_source(workflow, "scans")
    run(workflow, "dvc import-url gs://scans/incoming scans")
    assert "Running stage 'split'" in run(workflow, "dvc repro split")
    push_and_tag(workflow, "first")
    there = tmp_path / "there"
    run(tmp_path, "git clone -q here there")
    run(there, "dvc pull --with-deps split")
    assert files(there / "data") == files(workflow / "data")
    assert "up to date" in run(there, "dvc status --with-deps split")
    printed = run(there, "dvc repro split")
    assert "up to date" in printed
    assert "Running stage" not in printed
    assert run(there, "git status --short") == ""
    before = read_splits(there)
    assert sorted(before) == PATIENTS
    upload_more_patients(tmp_path, bucket)
    run(there, "dvc update scans.dvc")
    run(there, "dvc repro split")
    after = read_splits(there)
    assert len(after) == len(PATIENTS) + 6
    assert {patient: after[patient] for patient in PATIENTS} == before


def test_a_bucket_source_reruns_only_after_it_changed(tmp_path, bucket, workflow):
    set_source(workflow, "gs://scans/incoming")
    assert "Running stage 'split'" in run(workflow, "dvc repro split")
    assert sorted(read_splits(workflow)) == PATIENTS
    assert "Running stage" not in run(workflow, "dvc repro split")
    upload_more_patients(tmp_path, bucket)
    assert "gs://scans/incoming" in run(workflow, "dvc status ingest")
    assert "Running stage 'ingest'" in run(workflow, "dvc repro split")
    assert len(read_splits(workflow)) == len(PATIENTS) + 6
