"""A second workspace reads what the first one reads, and what is written in it stays in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from conftest import tiny_tree
from dvc_project import files, isolate, run

from components.common.errors import UserError
from pipelines.workspace import Workspace

TOP = Path(".dvc/tmp/second")
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
    """A project with scans beside it, and beside an output of its own, whose stages have run."""
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


def test_what_runs_in_it_reads_the_same_and_changes_nothing_outside(project):
    before, cached = without_dvc(project.parent), files(project / ".dvc" / "cache")
    second = Workspace(TOP)
    assert second.run("dvc", "status", "--quiet") == 0  # nothing differs, and nothing has to run
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
    assert not TOP.exists()


def test_one_that_was_left_behind_is_gone_on_with_and_takes_the_ledger_of_now(project):
    second = Workspace(TOP)
    (second.folder / "checkpoint").touch()
    (project / "ledger").write_text("now", encoding="utf-8")
    again = Workspace(TOP)
    assert (again.folder / "checkpoint").exists()
    assert (again.folder / "ledger").read_text(encoding="utf-8") == "now"


def test_a_dependency_that_holds_the_project_is_refused(project):
    stages = {"one": {"cmd": "true", "deps": [".."], "outs": ["made"]}}
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    with pytest.raises(UserError, match=r"^\.\.: holds the project itself; give it by its path from / on$"):
        Workspace(TOP)
