"""Commands act on the project around the working folder and run that project's code."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml
from conftest import ROOT, tiny_tree
from in_process import glioflow
from scan_writers import make_scan, write_kaggle
from whole_project import BIN, copy_project

from pipelines.project import root


@pytest.fixture
def project(tmp_path):
    folder = copy_project(tmp_path / "project with [brackets]")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    (folder / "notes" / "today").mkdir(parents=True)
    return folder


def test_paths_are_relative_to_the_working_folder(project):
    below = project / "notes" / "today"
    write_kaggle(below / "scans", make_scan("TCGA_DU_0001_19990101"))
    result = glioflow("compile", "argo", "--out", "made", cwd=below)
    assert result.returncode == 0, result.stderr
    (project / ".dvc" / "config").write_text("no settings", encoding="utf-8")  # makes a run fail at its first DVC call
    assert glioflow("run", "--source", "scans", cwd=below).returncode == 2
    assert yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))["source"] == "notes/today/scans"
    assert {path.name for path in (below / "made").iterdir()} == {"workflow-template.yaml", "cron-workflow.yaml"}
    refused = glioflow("serve", "--model", "artifacts/layered", cwd=below)
    assert refused.stderr.startswith("glioflow: artifacts/layered: no layered model there")
    assert sorted(path.name for path in below.iterdir()) == ["made", "scans"]


def test_a_copy_runs_its_own_code_whichever_environment_is_active(tmp_path):
    copy = tmp_path / "copy"
    for name in ("components", "models", "pipelines"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, copy / name)
    stack = copy / "pipelines" / "stack.py"
    text = stack.read_text(encoding="utf-8")
    stack.write_text(text.replace('lines = [f"stack ', 'lines = ["of the copy", f"stack '), encoding="utf-8")
    (copy / "notes").mkdir()
    (copy / ".dvc").mkdir()
    for folder in (copy, copy / "notes"):
        result = subprocess.run(
            [BIN / "glioflow", "doctor"],
            cwd=folder,
            env={"PATH": f"{BIN}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert result.stdout.startswith("of the copy\n"), result.stdout + result.stderr
    result = subprocess.run([BIN / "glioflow", "--nonsense"], cwd=copy, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("Usage: glioflow")


def test_promote_outside_a_project_is_refused(tmp_path):
    result = glioflow("promote", "v1.0.0", "--stage", "prod", cwd=tmp_path)
    assert result.stderr == "glioflow: params.yaml: not here; run glioflow inside the project\n"


@pytest.mark.parametrize(
    "words",
    [
        *("run", "run -S seed=1", "scheduled", "scheduled --sync", "crossval", "clean", "compile argo"),
        *(
            "models",
            "promote v1.0.0 --stage prod",
            "rollback --stage prod",
            "predict . --model registry:prod --out found",
        ),
        "pod --run r --storage s prepare",
    ],
)
def test_a_project_without_a_git_repository_names_the_remedy(project, words):
    shutil.rmtree(project / ".git")
    before = (project / "params.yaml").read_bytes()
    result = glioflow(*words.split(), cwd=project)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert "no Git repository here; a downloaded archive has none: clone the project instead, or `git init`" in line
    assert (project / "params.yaml").read_bytes() == before


def test_dvc_configured_without_git_needs_no_repository(project):
    shutil.rmtree(project / ".git")
    (project / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    assert glioflow("clean", cwd=project).stdout == "nothing to remove\n"


def test_only_a_complete_glioflow_project_is_found(tmp_path):
    deep = tmp_path / "below" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {demo: {cmd: glioflow stage demo}}\n", encoding="utf-8")
    assert root(deep) is None
    (tmp_path / "params.yaml").touch()
    assert root(deep) == tmp_path
    (tmp_path / "dvc.yaml").write_text("stages: {train: {cmd: python train.py}}\n", encoding="utf-8")
    assert root(deep) is None  # another project's dvc.yaml
    (tmp_path / "dvc.yaml").write_text("stages: {demo: {cmd: glioflow stage demo}}\n", encoding="utf-8")
    (tmp_path / "below" / "params.yaml").touch()
    assert root(deep) is None  # an incomplete project in between
    (tmp_path / "below" / "params.yaml").unlink()
    (tmp_path / ".dvc").rmdir()
    assert root(deep) is None  # only copied files, without .dvc


def test_a_removed_working_folder_is_reported_in_one_line(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    line = 'rmdir "$PWD" && exec "$0" doctor'
    settings = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        ["sh", "-c", line, BIN / "glioflow"], cwd=gone, env=settings, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr == "glioflow: the working folder: it was removed; change to another one\n"
