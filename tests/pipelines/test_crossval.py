"""Cross-validation: every patient is tested once, and nothing of the workspace is lost."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from conftest import tiny_tree
from dvc_project import files, isolate
from folds import EVERYONE, fail, ran, write_project
from in_process import glioflow
from whole_project import command


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A project in which the second of two folds has failed: folder, workspace before and after, exit status."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory)
        write_project(folder)
        before = workspace(folder)
        fail(folder, 1)
        status = glioflow("crossval", "--folds", "2", cwd=folder).returncode
        assert ran(folder) == ["0 of 2", "1 of 2"]
        return SimpleNamespace(folder=folder, before=before, after=workspace(folder), status=status)


def workspace(project):
    """What a cross-validation must leave as it was."""
    kept = {name: (project / name).read_bytes() for name in ("params.yaml", "dvc.lock")}
    return kept, files(project / "artifacts" / "predictions")


def pooled(project, everyone):
    """The result, after a look at whether every patient was tested once."""
    patients = pd.read_csv(project / "reports" / "crossval.csv")
    assert sorted(patients["patient"]) == sorted(everyone)
    result = json.loads((project / "reports" / "crossval.json").read_text(encoding="utf-8"))
    assert result["layered"]["patients"] == len(everyone)
    assert result["layered"]["volume_dice_mean"] == pytest.approx(patients["volume_dice"].mean())
    return patients


def test_after_a_fold_that_failed_the_workspace_is_as_before(stopped):
    assert stopped.status == 2
    assert stopped.after == stopped.before
    assert not (stopped.folder / "reports" / "crossval.json").exists()


def test_started_again_it_does_the_rest_and_every_patient_is_tested_once(stopped, monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)
    fail(stopped.folder)
    result = glioflow("crossval", "--folds", "2", cwd=stopped.folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert ran(stopped.folder) == ["1 of 2"]
    assert workspace(stopped.folder) == stopped.before
    fold = pooled(stopped.folder, EVERYONE).set_index("patient")["fold"]
    assert fold.to_dict() == {patient: number % 2 for number, patient in enumerate(EVERYONE)}
    assert "7, each tested once" in result.stdout


def test_a_split_of_ones_own_has_no_folds(tmp_path):
    text = yaml.safe_dump(tiny_tree()).replace("holdout_sites: []", "holdout_sites: [AA]")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    refused = glioflow("crossval", cwd=tmp_path)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "holdout_sites" in line
    assert files(tmp_path) == {Path("params.yaml"): text.encode()}


@pytest.mark.nightly
def test_real_folds_are_trained_and_test_every_patient_once(project_copy):
    before = workspace(project_copy)
    result = command("glioflow", "crossval", "--folds", "2", cwd=project_copy)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("Running stage 'train@segmenter'") == 2
    assert "Running stage 'ingest'" not in result.stdout
    assert workspace(project_copy) == before
    pooled(project_copy, pd.read_csv(project_copy / "data" / "splits.csv")["patient"])
