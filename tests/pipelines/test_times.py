"""The seconds of each stage: real processes, started as `dvc repro` starts them, leave their notes in a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
import yaml
from conftest import ROOT

from pipelines import times
from pipelines.run_summary import stage_rows

STAGE = "from pipelines.times import noted\nimport os, signal, sys\nwith noted(sys.argv[1]): exec(sys.argv[2])"
# Starts one stage after the other through a shell that stays between them, and goes on where one fails.
REPRO = "import subprocess, sys\nfor stage in sys.argv[1:]: subprocess.run(stage, shell=True, check=False)"
STAGES = {"demo": {}, "train": {"foreach": ["classifier", "segmenter"]}, "report": {}}
NAMES = ["demo", "train@classifier", "train@segmenter", "report"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A project of four stages, in which DVC has worked."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}, sort_keys=False))
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "repro.py").write_text(REPRO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def repro(*stages, does="pass"):
    """One process that runs stages, each in a process of its own; `does` is their code."""
    commands = [f'{sys.executable} stage.py {stage} "{does}"; true' for stage in stages]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "repro.py", *commands], env=environment, check=True, capture_output=True)


def test_a_run_tells_its_own_stages_and_those_that_were_up_to_date(here):
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


def test_a_run_in_which_nothing_had_to_run_says_so(here):
    repro("demo")
    assert times.last_run(since=time.time()).up_to_date == NAMES
    assert list(times.last_run(since=0).seconds) == ["demo"]


@pytest.mark.parametrize("end", ["sys.exit(1)", "1 / 0", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_stage_that_failed_or_was_killed_leaves_no_duration(here, end):
    repro("demo", "report")
    repro("report", does=end)
    found = times.last_run()
    assert found.seconds == {}
    assert found.unfinished == ["report"]
    repro("report")
    assert list(times.last_run().seconds) == ["report"]


def test_seconds_are_those_of_the_whole_process(here):
    before = time.monotonic()
    repro("demo", does="sum(range(10**7))")
    assert 0 < times.last_run().seconds["demo"] <= time.monotonic() - before + 0.1


def test_where_dvc_is_not_nothing_is_written(here):
    (here / ".dvc").rmdir()
    repro("demo")
    assert not (here / ".dvc").exists()


def test_the_summary_has_a_row_of_each_kind():
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
