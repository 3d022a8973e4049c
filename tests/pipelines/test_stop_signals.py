"""Commands that are stopped end with one line: nothing is half-written, and no process is left behind."""

from __future__ import annotations

import os
import signal

import pytest
from in_process import glioflow
from scan_writers import make_scan, write_kaggle
from stopping import assert_stopped, send_signals, send_signals_during_first_call
from whole_project import copy_project

from components.predict.throughput import Throughput
from pipelines import watching
from pipelines.runs import clean

pytest_plugins = ["shell_signals"]
pytestmark = pytest.mark.usefixtures("default_signals")


def test_a_stopped_prediction_keeps_finished_patients_and_resumes(tmp_path, monkeypatch, stop):
    for number in range(4):
        write_kaggle(tmp_path / "in", make_scan(f"TCGA_DU_000{number}_19990101", slices=1))
    send_signals_during_first_call(monkeypatch, Throughput, "patient", stop[0])
    result = glioflow("predict", "in", "--out", "out", cwd=tmp_path)
    assert_stopped(result, stop)
    assert "patients that are finished are kept in" in result.stderr
    assert not list(tmp_path.rglob(".part-*"))
    finished = len(list((tmp_path / "out" / "patients").glob("*.json")))
    assert finished in (1, 2)  # the first, and perhaps the one that was being written
    again = glioflow("predict", "in", "--out", "out", "--resume", cwd=tmp_path)
    assert f"4 patients predicted, {finished} of them before" in again.stdout


def test_a_stopped_clean_leaves_each_folder_whole_or_removed(tmp_path, monkeypatch, stop):
    project = copy_project(tmp_path)
    made = [project / "data" / "scans", project / "artifacts"]
    for folder in made:
        for number in range(3):
            (folder / "p").mkdir(parents=True, exist_ok=True)
            (folder / "p" / f"{number}.npy").write_text("x", encoding="utf-8")
    real_unlink = os.unlink
    removed = []

    def unlink_and_send(path, **more):
        real_unlink(path, **more)
        if str(path).endswith(".npy") and not removed:
            removed.append(path)
            send_signals(stop[0])

    monkeypatch.setattr(os, "unlink", unlink_and_send)
    result = glioflow("clean", cwd=project)
    assert_stopped(result, stop)
    assert removed
    assert {len(list(folder.rglob("*.npy"))) for folder in made} <= {0, 3}
    assert glioflow("clean", cwd=project).returncode == 0
    assert not [folder for folder in (*made, project / clean.GONE) if folder.exists()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_stop_signals_only_ask_a_watch_to_end(number):
    with watching._ending() as end:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert end.is_set()


def test_a_hangup_that_nohup_ignores_stays_ignored(tmp_path, monkeypatch):
    write_kaggle(tmp_path / "in", make_scan("TCGA_DU_0001_19990101", slices=1))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        send_signals_during_first_call(monkeypatch, Throughput, "patient", [signal.SIGHUP])
        assert glioflow("predict", "in", "--out", "out", cwd=tmp_path).returncode == 0
        with watching._ending() as end:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not end.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)
