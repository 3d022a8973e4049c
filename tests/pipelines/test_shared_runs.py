"""One run, many machines: DVC runs the project's own stages up to the split on scans that lie in a bucket."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
import yaml
from conftest import ROOT, tiny_tree
from dvc_project import files, isolate, project, run, save
from gcs_server import upload
from written_scans import made_up_scan, write_kaggle

PATIENTS = [f"TCGA_DU_000{i}_19990101" for i in range(1, 6)]
CODE = [
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
def alone(monkeypatch, tmp_path_factory, warmed):
    isolate(monkeypatch, tmp_path_factory)
    monkeypatch.setenv("PATH", warmed[0])


@pytest.fixture
def workflow(tmp_path, bucket):
    """The project's own stages at tiny sizes, and five patients in the bucket."""
    folder = tmp_path / "here"
    (folder / ".dvc").mkdir(parents=True)
    for name in CODE:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
    for patient in PATIENTS:
        write_kaggle(tmp_path / "scans", made_up_scan(patient))
    upload(bucket, tmp_path / "scans", "incoming")
    project(folder)
    return folder


def take(folder, source):
    tree = tiny_tree() | {"source": source}
    tree["ingest"]["workers"] = 1
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")


def sides(folder):
    return pd.read_csv(folder / "data" / "splits.csv").set_index("patient")["split"].to_dict()


def more_patients(tmp_path, bucket):
    for i in range(6):
        write_kaggle(tmp_path / "more", made_up_scan(f"TCGA_CS_000{i}_19990101"))
    upload(bucket, tmp_path / "more", "incoming")


def test_a_colleague_gets_the_same_split_and_a_later_run_keeps_it(tmp_path, bucket, workflow):
    take(workflow, "scans")
    run(workflow, "dvc import-url gs://scans/incoming scans")
    assert "Running stage 'split'" in run(workflow, "dvc repro split")
    save(workflow, "first")
    there = tmp_path / "there"
    run(tmp_path, "git clone -q here there")
    run(there, "dvc pull --with-deps split")
    assert files(there / "data") == files(workflow / "data")
    assert "up to date" in run(there, "dvc status --with-deps split")
    printed = run(there, "dvc repro split")
    assert "up to date" in printed
    assert "Running stage" not in printed
    assert run(there, "git status --short") == ""
    before = sides(there)
    assert sorted(before) == PATIENTS
    more_patients(tmp_path, bucket)
    run(there, "dvc update scans.dvc")
    run(there, "dvc repro split")
    after = sides(there)
    assert len(after) == len(PATIENTS) + 6
    assert {patient: after[patient] for patient in PATIENTS} == before


def test_a_bucket_as_the_source_runs_again_only_where_it_changed(tmp_path, bucket, workflow):
    take(workflow, "gs://scans/incoming")
    assert "Running stage 'split'" in run(workflow, "dvc repro split")
    assert sorted(sides(workflow)) == PATIENTS
    assert "Running stage" not in run(workflow, "dvc repro split")
    more_patients(tmp_path, bucket)
    assert "gs://scans/incoming" in run(workflow, "dvc status ingest")
    assert "Running stage 'ingest'" in run(workflow, "dvc repro split")
    assert len(sides(workflow)) == len(PATIENTS) + 6
