"""Cross-validation: every patient is tested once, and nothing of the workspace is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import psutil
import pytest
import yaml
from conftest import tiny_tree
from dvc_project import files, isolate
from folds import EVERYONE, fail, ran, wait, write_project
from in_process import glioflow
from whole_project import BIN, command, environment


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A project in which the second of two folds has failed: folder, workspace before and after, exit status."""
    folder = tmp_path_factory.mktemp("stopped") / "project"
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
    kept = {name: (project / name).read_bytes() for name in ("params.yaml", "dvc.lock", "reports/metrics.json")}
    return kept, files(project / "artifacts" / "predictions"), files(project / "artifacts" / "checkpoints")


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
    assert ran(stopped.folder) == ["1 of 2 resumed"]
    assert workspace(stopped.folder) == stopped.before
    fold = pooled(stopped.folder, EVERYONE).set_index("patient")["fold"]
    assert fold.to_dict() == {patient: number % 2 for number, patient in enumerate(EVERYONE)}
    assert "7, each tested once" in result.stdout
    assert not (stopped.folder / ".dvc" / "tmp" / "crossval").exists()


@pytest.fixture
def waiting(tmp_path, monkeypatch, tmp_path_factory):
    """A cross-validation whose second fold waits for ever: folder, workspace before, its process, the fold's number."""
    isolate(monkeypatch, tmp_path_factory)
    folder = tmp_path / "project"
    write_project(folder)
    wait(folder, 1)
    before = workspace(folder)
    command = [BIN / "glioflow", "crossval", "--folds", "2"]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, **environment(folder)}) as process:
        fold = int((folder / "begun").read_text(encoding="utf-8"))
        yield SimpleNamespace(folder=folder, before=before, process=process, fold=fold)
        process.kill()
    if psutil.pid_exists(fold):
        os.kill(fold, signal.SIGKILL)


def test_beside_it_no_run_starts_and_none_is_silently_dropped(waiting):
    told = glioflow("scheduled", cwd=waiting.folder)
    assert told.returncode == 0
    said = r"another run is under way here, started 2[^;]* \(crossval\)"
    assert re.fullmatch(rf"scheduled run: {said}; wait until it ends; this one yields\n", told.stdout)
    refused = glioflow("run", "-S", "gate.margin=0.5", cwd=waiting.folder)
    assert refused.returncode == 2
    assert re.fullmatch(rf"glioflow: {said}; wait until it ends\n", refused.stderr)
    assert glioflow("crossval", cwd=waiting.folder).returncode == 2
    assert workspace(waiting.folder) == waiting.before
    waiting.process.terminate()
    assert waiting.process.wait() == 128 + signal.SIGTERM
    assert not psutil.pid_exists(waiting.fold)
    assert workspace(waiting.folder) == waiting.before


def test_killed_without_warning_it_leaves_the_workspace_alone_and_goes_on_later(waiting):
    family = psutil.Process(waiting.process.pid).children(recursive=True)
    assert waiting.fold in [process.pid for process in family]
    waiting.process.kill()
    psutil.wait_procs(family)  # which end by themselves
    assert workspace(waiting.folder) == waiting.before
    wait(waiting.folder)
    assert ran(waiting.folder) == ["0 of 2", "1 of 2"]
    assert glioflow("crossval", "--folds", "2", cwd=waiting.folder).returncode == 0
    assert ran(waiting.folder) == ["1 of 2 resumed"]
    assert workspace(waiting.folder) == waiting.before


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
