"""Unusual or damaged repositories: the registry works there, or one error line names the file to repair."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from conftest import tiny_tree
from dvc_project import files, isolate, run
from in_process import glioflow
from tagged_models import MODELS, run_dvc, tag, tags, write_model, write_registry

from components.layered.record import digest


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)


@pytest.fixture
def registry(tmp_path):
    """A repository with one model."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    write_registry(folder, {"v1.0.0": MODELS["v1.0.0"]}, files=True)
    return folder


def error_line(folder, *arguments):
    """Run a glioflow command that must be refused, and return its one error line."""
    result = glioflow(*arguments, cwd=folder)
    assert (result.returncode, result.stdout) == (2, "")
    (only,) = result.stderr.splitlines()
    return only.removeprefix("glioflow: ")


PROMOTE = ("promote", "v1.0.0", "--stage", "staging")


def test_a_project_in_a_subfolder_of_its_repository_promotes_and_fetches(tmp_path):
    run(tmp_path, "git init -q -b main")
    folder = tmp_path / "science" / "glioflow"
    (folder / "registry").mkdir(parents=True)
    run_dvc(folder, "init", "-q", "--subdir")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    (folder / "dvc.yaml").write_text("artifacts: {layered: {type: model, path: registry/layered}}\n", "utf-8")
    summary = MODELS["v1.0.0"] | {"model": digest(write_model(folder / "registry" / "layered", "v1.0.0"))}
    run_dvc(folder, "add", "-q", "registry/layered")
    (folder / "registry" / "dossier.json").write_text(json.dumps(summary), encoding="utf-8")
    run(tmp_path, "git add .")
    run(tmp_path, "git commit -q -m v1.0.0")
    tag(tmp_path, "layered@v1.0.0", "HEAD")
    assert glioflow(*PROMOTE, cwd=folder).stdout == "v1.0.0 is now in staging\n"
    assert files(folder / "artifacts" / "models" / "v1.0.0") == files(folder / "registry" / "layered")


@pytest.mark.parametrize("text", ["<<<<<<< HEAD\n{}\n", "[]", '{"version": "v1.0.0"}', "\xff"])
def test_a_damaged_push_json_is_reported(registry, text):
    (registry / "reports").mkdir()
    (registry / "reports" / "push.json").write_text(text, encoding="latin-1")
    expected = "reports/push.json: not what its stage writes; restore it with `git checkout` or `dvc checkout`"
    assert error_line(registry, *PROMOTE) == expected
    assert tags(registry) == {}


def test_broken_dvc_settings_are_not_reported_as_missing_files(registry):
    (registry / ".dvc" / "config").write_text("no settings\n", encoding="utf-8")
    for arguments in (PROMOTE, ("predict", ".", "--model", "registry:v1.0.0", "--out", "out"), ("clean",)):
        assert error_line(registry, *arguments).startswith(
            ".dvc/config: config file error: Invalid line ('no settings')"
        )
    assert tags(registry) == {}


def test_an_unresolved_merge_in_dvc_lock_is_reported(registry):
    (registry / "dvc.lock").write_text("<<<<<<< HEAD\nschema: '2.0'\n=======\n>>>>>>> theirs\n", encoding="utf-8")
    expected = "dvc.lock: unable to read: 'dvc.lock', YAML file structure is corrupted; nothing was removed"
    assert error_line(registry, "clean") == expected


def test_a_moved_worktree_and_a_damaged_repository_are_reported(registry):
    git = registry / ".git"
    (git / "HEAD").write_text("garbage", encoding="utf-8")
    before = files(git)
    assert error_line(registry, "models").startswith(f"{git}: a damaged Git repository; restore it from a copy, or ")
    assert files(git) == before
    shutil.rmtree(git)
    pointer = "gitdir: /nowhere/.git/worktrees/project\n"
    git.write_text(pointer, encoding="utf-8")
    assert error_line(registry, "models").startswith(f"{git}: points to no Git repository, because one of ")
    assert git.read_text(encoding="utf-8") == pointer
    git.unlink()
    assert error_line(registry, "models").startswith("no Git repository here; a downloaded archive has none: clone ")
    assert not git.exists()
