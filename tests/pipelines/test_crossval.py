"""`glioflow crossval` tests every patient once and leaves the workspace as it was."""

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
from crossval_project import PATIENT_NAMES, fail, folds_run, wait, write_project
from dvc_project import files, isolate
from in_process import glioflow
from whole_project import BIN, environment, run_command


@pytest.fixture(scope="module")
def after_failed_fold(tmp_path_factory):
    """A project whose second of two folds failed: folder, workspace before and after, exit status."""
    folder = tmp_path_factory.mktemp("stopped") / "project"
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory)
        write_project(folder)
        before = workspace_files(folder)
        fail(folder, 1)
        status = glioflow("crossval", "--folds", "2", cwd=folder).returncode
        assert folds_run(folder) == ["0 of 2", "1 of 2"]
        return SimpleNamespace(folder=folder, before=before, after=workspace_files(folder), status=status)


def workspace_files(project):
    """Return the contents of everything that a cross-validation must not change."""
    kept = {name: (project / name).read_bytes() for name in ("params.yaml", "dvc.lock", "reports/metrics.json")}
    return kept, files(project / "artifacts" / "predictions"), files(project / "artifacts" / "checkpoints")


def check_pooled(project, patient_names):
    """Check that every patient was tested once, and return the scores of all patients."""
    patients = pd.read_csv(project / "reports" / "crossval.csv")
    assert sorted(patients["patient"]) == sorted(patient_names)
    result = json.loads((project / "reports" / "crossval.json").read_text(encoding="utf-8"))
    assert result["layered"]["patients"] == len(patient_names)
    assert result["layered"]["volume_dice_mean"] == pytest.approx(patients["volume_dice"].mean())
    return patients


def test_a_failed_fold_leaves_the_workspace_unchanged(after_failed_fold):
    assert after_failed_fold.status == 2
    assert after_failed_fold.after == after_failed_fold.before
    assert not (after_failed_fold.folder / "reports" / "crossval.json").exists()


def test_a_restart_runs_the_remaining_folds_and_tests_each_patient_once(
    after_failed_fold, monkeypatch, tmp_path_factory
):
    isolate(monkeypatch, tmp_path_factory)
    fail(after_failed_fold.folder)
    result = glioflow("crossval", "--folds", "2", cwd=after_failed_fold.folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert folds_run(after_failed_fold.folder) == ["1 of 2 resumed"]
    assert workspace_files(after_failed_fold.folder) == after_failed_fold.before
    fold = check_pooled(after_failed_fold.folder, PATIENT_NAMES).set_index("patient")["fold"]
    assert fold.to_dict() == {patient: number % 2 for number, patient in enumerate(PATIENT_NAMES)}
    assert "7, each tested once" in result.stdout
    assert not (after_failed_fold.folder / ".dvc" / "tmp" / "crossval").exists()


@pytest.fixture
def waiting(tmp_path, monkeypatch, tmp_path_factory):
    """A cross-validation whose second fold waits forever: folder, workspace before, process, process id of the fold."""
    isolate(monkeypatch, tmp_path_factory)
    folder = tmp_path / "project"
    write_project(folder)
    wait(folder, 1)
    before = workspace_files(folder)
    command = [BIN / "glioflow", "crossval", "--folds", "2"]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, **environment(folder)}) as process:
        fold = int((folder / "begun").read_text(encoding="utf-8"))
        yield SimpleNamespace(folder=folder, before=before, process=process, fold=fold)
        process.kill()
    if psutil.pid_exists(fold):
        os.kill(fold, signal.SIGKILL)


def test_other_runs_are_refused_with_a_reason_during_a_crossval(waiting):
    yielding = glioflow("scheduled", cwd=waiting.folder)
    assert yielding.returncode == 0
    reason = r"another run is under way here, started 2[^;]* \(crossval\)"
    assert re.fullmatch(rf"scheduled run: {reason}; wait until it ends; this one yields\n", yielding.stdout)
    refused = glioflow("run", "-S", "gate.margin=0.5", cwd=waiting.folder)
    assert refused.returncode == 2
    assert re.fullmatch(rf"glioflow: {reason}; wait until it ends\n", refused.stderr)
    assert glioflow("crossval", cwd=waiting.folder).returncode == 2
    assert workspace_files(waiting.folder) == waiting.before
    waiting.process.terminate()
    assert waiting.process.wait() == 128 + signal.SIGTERM
    assert not psutil.pid_exists(waiting.fold)
    assert workspace_files(waiting.folder) == waiting.before


def test_a_killed_crossval_leaves_the_workspace_unchanged_and_resumes(waiting):
    descendants = psutil.Process(waiting.process.pid).children(recursive=True)
    assert waiting.fold in [process.pid for process in descendants]
    waiting.process.kill()
    psutil.wait_procs(descendants)  # they end by themselves
    assert workspace_files(waiting.folder) == waiting.before
    wait(waiting.folder)
    assert folds_run(waiting.folder) == ["0 of 2", "1 of 2"]
    assert glioflow("crossval", "--folds", "2", cwd=waiting.folder).returncode == 0
    assert folds_run(waiting.folder) == ["1 of 2 resumed"]
    assert workspace_files(waiting.folder) == waiting.before


def test_crossval_with_held_out_sites_is_refused(tmp_path):
    text = yaml.safe_dump(tiny_tree()).replace("holdout_sites: []", "holdout_sites: [AA]")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    refused = glioflow("crossval", cwd=tmp_path)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "holdout_sites" in line
    assert files(tmp_path) == {Path("params.yaml"): text.encode()}


@pytest.mark.nightly
def test_real_folds_are_trained_and_every_patient_is_tested_once(project_copy):
    before = workspace_files(project_copy)
    result = run_command("glioflow", "crossval", "--folds", "2", cwd=project_copy)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("Running stage 'train@segmenter'") == 2
    assert "Running stage 'ingest'" not in result.stdout
    assert workspace_files(project_copy) == before
    check_pooled(project_copy, pd.read_csv(project_copy / "data" / "splits.csv")["patient"])
