"""What a version commits and in whose name: Git's configured user, or else the workflow itself."""

from __future__ import annotations

import os

import gto.api
import pytest
from dvc_project import run

from components.registry.snapshot import snapshot, tagger

SOMEBODY = {
    f"GIT_{role}_{what}": f"Somebody{end}"
    for role in ("AUTHOR", "COMMITTER")
    for what, end in (("NAME", ""), ("EMAIL", "@example.org"))
}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A Git repository with one commit, on a machine without any Git settings."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for name in (*SOMEBODY, "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    run(tmp_path, "git init -q")
    run(tmp_path, "git config user.useConfigOnly true")  # nor a name that Git derives from user and host
    (tmp_path / "file").touch()
    run(tmp_path, "git add file")
    run(tmp_path, "git -c user.name=A -c user.email=a@example.org commit -q -m first")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_version_holds_tracked_and_staged_files_and_keeps_the_index(repository):
    (repository / "new.yaml").write_text("1", encoding="utf-8")
    (repository / "unknown").write_text("1", encoding="utf-8")
    (repository / "file").write_text("2", encoding="utf-8")
    run(repository, "git add new.yaml")
    (repository / "new.yaml").write_text("2", encoding="utf-8")
    before = run(repository, "git status --short")
    commit = snapshot([], "a version")
    assert run(repository, f"git ls-tree --name-only {commit}").split() == ["file", "new.yaml"]
    assert run(repository, f"git show {commit}:new.yaml") == run(repository, f"git show {commit}:file") == "2"
    assert run(repository, "git status --short") == before


@pytest.mark.parametrize(
    ("configured", "identity"),
    [({}, "glioflow <glioflow@localhost>"), (SOMEBODY, "Somebody <Somebody@example.org>")],
)
def test_commits_and_tags_carry_the_name(repository, monkeypatch, configured, identity):
    for name, value in configured.items():
        monkeypatch.setenv(name, value)
    commit = snapshot([], "a version")
    gto.api.register(".", "layered", commit, version="v1.0.0", message="a version", **tagger())
    gto.api.assign(".", "layered", "prod", version="v1.0.0", message="a stage", **tagger())
    tags = run(repository, "git for-each-ref refs/tags", "--format=%(taggername) %(taggeremail)").splitlines()
    assert tags == [identity, identity]
    assert run(repository, f"git show -s {commit}", "--format=%an <%ae>|%cn <%ce>").strip() == f"{identity}|{identity}"
