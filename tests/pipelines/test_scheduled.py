"""Who waits for whom: whatever changes this folder does so behind the lock of a run."""

from __future__ import annotations

import yaml
from conftest import tiny_tree
from dvc_project import files
from in_process import glioflow

from pipelines import run_lock


def locked(folder, monkeypatch):
    """A folder in which a run is under way, as far as others can tell; where Git pulls, it would fail."""
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    monkeypatch.chdir(folder)
    return run_lock.alone()


def test_a_scheduled_run_yields_before_it_pulls(tmp_path, monkeypatch):
    with locked(tmp_path, monkeypatch):
        told = glioflow("scheduled", "--sync", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("scheduled run: another run is under way here, started ")
    # Without the other one it would have pulled, and failed: this is no repository.
    assert glioflow("scheduled", "--sync", cwd=tmp_path).stderr.startswith("glioflow: git pull: failed")


def test_what_changes_outputs_or_trains_waits_for_a_run(tmp_path, monkeypatch):
    (tmp_path / "data" / "examples").mkdir(parents=True)
    with locked(tmp_path, monkeypatch):
        before = files(tmp_path)
        for verb in (["run", "-S", "seed=1"], ["crossval"], ["clean"], ["tune", "segmenter"]):
            refused = glioflow(*verb, cwd=tmp_path)
            assert refused.returncode == 2
            assert "another run is under way here, started" in refused.stderr, verb
        assert files(tmp_path) == before
