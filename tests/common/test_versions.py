"""The version of the code and of its packages, as recorded with every result."""

from __future__ import annotations

import subprocess

import pytest

from components.common.versions import code_version, packages

DIRTY = ", with changes that are not committed"


def git(folder, *arguments):
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    result = subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True)
    return result.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    folder = tmp_path / "project"
    (folder / "components").mkdir(parents=True)
    (folder / "params.yaml").write_text("seed: 1\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_the_code_version_is_the_commit(repository):
    assert code_version(repository) == git(repository, "rev-parse", "HEAD")


def test_changed_parameters_and_new_modules_are_marked(repository):
    commit = code_version(repository)
    (repository / "params.yaml").write_text("seed: 2\n")
    assert code_version(repository) == commit + DIRTY
    (repository / "params.yaml").write_text("seed: 1\n")
    assert code_version(repository) == commit
    (repository / "components" / "new.py").write_text("")
    assert code_version(repository) == commit + DIRTY


def test_files_written_by_a_run_are_not_code_changes(repository):
    (repository / "dvc.lock").write_text("")
    (repository / "reports").mkdir()
    (repository / "reports" / "metrics.json").write_text("{}")
    assert DIRTY not in code_version(repository)


def test_without_a_repository_commit_or_git_the_version_is_unknown(tmp_path, monkeypatch, repository):
    assert code_version(tmp_path) == "unknown"
    git(tmp_path, "init", "-q")
    assert code_version(tmp_path) == "unknown"
    monkeypatch.setenv("PATH", "")
    assert code_version(repository) == "unknown"


def test_packages_that_are_not_installed_are_omitted(monkeypatch):
    monkeypatch.setattr("components.common.versions.PACKAGES", ("numpy", "no-such-package"))
    assert list(packages()) == ["Python", "numpy"]
