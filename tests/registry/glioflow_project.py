"""A project in a Git repository, models of known quality to push from it, and glioflow commands to run in it."""

from __future__ import annotations

import re
import shutil
from types import SimpleNamespace

import yaml
from conftest import ROOT
from dvc_project import run
from in_process import glioflow

from components.common.files import write_json
from components.evaluate import gate
from components.evaluate.summary import headline

PROJECT_FILES = ("params.yaml", "dvc.yaml")


def write_project(folder, *, git_remote=None):
    """Make a Git repository with DVC and the project's parameters and stages, and commit it."""
    run(folder, "git init -q -b main")
    run(folder, "dvc init -q")
    for name in PROJECT_FILES:
        shutil.copy(ROOT / name, folder / name)
    set_registry(folder, git_remote=git_remote)
    run(folder, "git add .")
    run(folder, "git commit -q -m project")


def set_registry(folder, **registry):
    tree = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    tree["registry"] = registry
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")


def finish_run(folder, found):
    """Put a model, its predictions, metrics and verdict where the stages before `push` leave them."""
    for name in ("artifacts", "reports"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(found.layered, folder / "artifacts" / "layered")
    shutil.copytree(found.predictions, folder / "artifacts" / "predictions")
    gate.write_blessing(folder / "artifacts" / "blessing", found.verdict)
    write_json(folder / "reports" / "details.json", found.metrics)
    write_json(folder / "reports" / "metrics.json", headline(found.metrics))
    (folder / "reports" / "model_card.md").write_text("# The card\n", encoding="utf-8")


def judged_model(evaluate_model, judge_model, *, floor=0.0, **model):
    """Write, run and judge a layered model."""
    found = evaluate_model(**model)
    metrics, verdict = judge_model(found, min_volume_dice=floor)
    return SimpleNamespace(**vars(found), metrics=metrics, verdict=verdict)


def push(folder, *, by=glioflow):
    return run_glioflow(folder, "stage", "push", by=by)


def run_glioflow(folder, *arguments, by=glioflow):
    """Run a glioflow command that must succeed, and return its output; `by=glioflow_subprocess` uses a subprocess."""
    result = by(*arguments, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def refusal(folder, *arguments, by=glioflow):
    """Run a glioflow command that must be refused, and return its one error line."""
    result = by(*arguments, cwd=folder)
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def stages_by_version(folder):
    """Versions, newest first, each with its stages, as `glioflow models` lists them."""
    lines = run_glioflow(folder, "models").splitlines()[1:]
    return [tuple(re.split(r"  +", line)[:2]) for line in lines]
