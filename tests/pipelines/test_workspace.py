"""A second workspace reads the same files as the first one, and writes only into itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from conftest import tiny_tree
from dvc_project import files, isolate, run

from components.common.errors import UserError
from pipelines.runs.workspace import Workspace

SECOND_FOLDER = Path(".dvc/tmp/second")
STAGES = {
    "one": {
        "cmd": "cat ../beside/scan data/own/scan components/code.py > data/made; cat ../beside/scan >> ledger",
        "deps": ["../beside", "data/own", "components"],
        "params": ["seed"],
        "outs": ["data/made", {"ledger": {"persist": True}}],
    },
    "two": {"cmd": "cp data/own/scan copied", "deps": ["data"], "outs": ["copied"]},
}


@pytest.fixture
def project(tmp_path, monkeypatch, tmp_path_factory):
    """A project whose stages have run, with scans outside it and others next to its outputs."""
    isolate(monkeypatch, tmp_path_factory)
    folder = tmp_path / "project"
    for place, text in {"../beside/scan": "a", "data/own/scan": "b", "components/code.py": "c"}.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, encoding="utf-8")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}), encoding="utf-8")
    run(folder, "dvc init -q --no-scm")
    run(folder, "dvc repro -q")
    monkeypatch.chdir(folder)
    return folder


def without_dvc(folder):
    return {path: text for path, text in files(folder).items() if ".dvc" not in path.parts}


def test_a_run_in_a_second_workspace_changes_nothing_outside(project):
    before, cached = without_dvc(project.parent), files(project / ".dvc" / "cache")
    second = Workspace(SECOND_FOLDER)
    assert second.run("dvc", "status", "--quiet") == 0  # up to date: no stage has to run
    (project / "components" / "code.py").write_text("edited", encoding="utf-8")
    second.set({"seed": 7, "split.fold": 2})
    assert second.run("dvc", "repro", "--quiet") == 0
    assert (second.folder / "data" / "made").read_text(encoding="utf-8") == "abc"
    assert (second.folder / "ledger").read_text(encoding="utf-8") == "aa"
    assert yaml.safe_load((second.folder / "params.yaml").read_text(encoding="utf-8"))["split"]["fold"] == 2
    (project / "components" / "code.py").write_text("c", encoding="utf-8")
    assert without_dvc(project.parent) == before
    assert files(project / ".dvc" / "cache").items() >= cached.items()
    second.remove()
    assert without_dvc(project.parent) == before
    assert not SECOND_FOLDER.exists()


def test_a_leftover_workspace_is_reused_with_the_current_ledger(project):
    second = Workspace(SECOND_FOLDER)
    (second.folder / "checkpoint").touch()
    (project / "ledger").write_text("now", encoding="utf-8")
    again = Workspace(SECOND_FOLDER)
    assert (again.folder / "checkpoint").exists()
    assert (again.folder / "ledger").read_text(encoding="utf-8") == "now"


def test_a_dependency_that_contains_the_project_is_refused(project):
    stages = {"one": {"cmd": "true", "deps": [".."], "outs": ["made"]}}
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    with pytest.raises(UserError, match=r"^\.\.: holds the project itself; give it by its path from / on$"):
        Workspace(SECOND_FOLDER)
