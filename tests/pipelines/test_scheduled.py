"""While a run holds the lock, a scheduled run yields and other commands that change the folder are refused."""

from __future__ import annotations

import yaml
from conftest import tiny_tree
from dvc_project import files
from in_process import glioflow

from pipelines.processes import run_lock


def hold_lock(folder, monkeypatch):
    """Hold the lock of a run in a folder where `git pull` would fail."""
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    monkeypatch.chdir(folder)
    return run_lock.alone()


def test_a_scheduled_run_yields_before_it_pulls(tmp_path, monkeypatch):
    with hold_lock(tmp_path, monkeypatch):
        result = glioflow("scheduled", "--sync", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("scheduled run: another run is under way here, started ")
    # Without the other run it pulls, and fails because this is no repository.
    assert glioflow("scheduled", "--sync", cwd=tmp_path).stderr.startswith("glioflow: git pull: failed")


def test_commands_that_change_outputs_are_refused_during_a_run(tmp_path, monkeypatch):
    (tmp_path / "data" / "examples").mkdir(parents=True)
    with hold_lock(tmp_path, monkeypatch):
        before = files(tmp_path)
        for verb in (["run", "-S", "seed=1"], ["crossval"], ["clean"], ["tune", "segmenter"]):
            refused = glioflow(*verb, cwd=tmp_path)
            assert refused.returncode == 2
            assert "another run is under way here, started" in refused.stderr, verb
        assert files(tmp_path) == before
