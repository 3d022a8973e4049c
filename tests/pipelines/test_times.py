"""The seconds of each stage, recorded by real processes that are started as `dvc repro` starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
import yaml
from conftest import ROOT

from pipelines.runs import times
from pipelines.runs.run_summary import stage_rows

STAGE = "from pipelines.runs.times import noted\nimport os, signal, sys\nwith noted(sys.argv[1]): exec(sys.argv[2])"
# Starts one stage after another, each through a shell of its own, and goes on if one fails.
REPRO = "import subprocess, sys\nfor stage in sys.argv[1:]: subprocess.run(stage, shell=True, check=False)"
STAGES = {"demo": {}, "train": {"foreach": ["classifier", "segmenter"]}, "report": {}}
NAMES = ["demo", "train@classifier", "train@segmenter", "report"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of four stages, initialised for DVC."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}, sort_keys=False))
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "repro.py").write_text(REPRO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def repro(*stages, code="pass"):
    """Run stages as `dvc repro` does, each in a process of its own; `code` is what they execute."""
    commands = [f'{sys.executable} stage.py {stage} "{code}"; true' for stage in stages]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "repro.py", *commands], env=environment, check=True, capture_output=True)


def test_a_run_lists_its_own_stages_and_those_up_to_date(project):
    assert times.last_run().up_to_date == NAMES
    repro("demo", "train@classifier", "train@segmenter", "report")
    first = times.last_run()
    assert list(first.seconds) == NAMES
    assert all(0 <= seconds < 600 for seconds in first.seconds.values())
    assert (first.up_to_date, first.unfinished) == ([], [])
    repro("train@segmenter", "report")
    second = times.last_run()
    assert list(second.seconds) == ["train@segmenter", "report"]
    assert second.up_to_date == ["demo", "train@classifier"]


def test_a_run_with_nothing_to_do_lists_all_stages_as_up_to_date(project):
    repro("demo")
    assert times.last_run(since=time.time()).up_to_date == NAMES
    assert list(times.last_run(since=0).seconds) == ["demo"]


@pytest.mark.parametrize("ending", ["sys.exit(1)", "1 / 0", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_failed_or_killed_stage_has_no_duration(project, ending):
    repro("demo", "report")
    repro("report", code=ending)
    found = times.last_run()
    assert found.seconds == {}
    assert found.unfinished == ["report"]
    repro("report")
    assert list(times.last_run().seconds) == ["report"]


def test_seconds_are_at_most_those_of_the_process(project):
    before = time.monotonic()
    repro("demo", code="sum(range(10**7))")
    assert 0 < times.last_run().seconds["demo"] <= time.monotonic() - before + 0.1


def test_without_dvc_nothing_is_written(project):
    (project / ".dvc").rmdir()
    repro("demo")
    assert not (project / ".dvc").exists()


def test_the_summary_has_a_row_for_each_kind():
    run = times.LastRun({"evaluate": 31.4, "report": 2.6}, ["push"], ["demo", "train@classifier"])
    assert list(stage_rows(run)) == [
        ("Stages, seconds", "evaluate 31, report 3, all 34"),
        ("Unfinished", "push"),
        ("Up to date", "demo, train@classifier"),
    ]


def test_many_stages_take_several_lines():
    rows = list(stage_rows(times.LastRun({f"stage-{number:02d}": 10.0 for number in range(20)})))
    assert [name for name, _ in rows] == ["Stages, seconds", *[""] * (len(rows) - 1)]
    assert len(rows) > 1
    assert " ".join(line for _, line in rows).count("stage-") == 20
