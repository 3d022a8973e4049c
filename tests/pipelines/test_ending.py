"""Commands that are told to stop end with a line; nothing is half-written, and no process is left behind."""

from __future__ import annotations

import os
import signal

import pytest
from in_process import glioflow
from stopping import STOPS, assert_stopped, once, send
from whole_project import copied
from written_scans import made_up_scan, write_kaggle

from components.predict.pace import Pace
from pipelines import clean, watching

pytest_plugins = ["shell_signals"]
pytestmark = pytest.mark.usefixtures("heeded")


@pytest.fixture(params=STOPS)
def stop(request):
    return STOPS[request.param]


def test_a_prediction_keeps_what_is_finished(tmp_path, monkeypatch, stop):
    for number in range(4):
        write_kaggle(tmp_path / "in", made_up_scan(f"TCGA_DU_000{number}_19990101", slices=1))
    once(monkeypatch, Pace, "patient", stop[0])
    told = glioflow("predict", "in", "--out", "out", cwd=tmp_path)
    assert_stopped(told, stop)
    assert "patients that are finished are kept in" in told.stderr
    assert not list(tmp_path.rglob(".part-*"))
    finished = len(list((tmp_path / "out" / "patients").glob("*.json")))
    assert finished in (1, 2)  # the first, and the one that was being written
    again = glioflow("predict", "in", "--out", "out", "--resume", cwd=tmp_path)
    assert f"4 patients predicted, {finished} of them before" in again.stdout


def test_what_clean_removes_is_whole_or_gone(tmp_path, monkeypatch, stop):
    project = copied(tmp_path)
    made = [project / "data" / "scans", project / "artifacts"]
    for folder in made:
        for number in range(3):
            (folder / "p").mkdir(parents=True, exist_ok=True)
            (folder / "p" / f"{number}.npy").write_text("x", encoding="utf-8")
    removing = os.unlink
    left = []

    def unlinked(path, **more):
        removing(path, **more)
        if str(path).endswith(".npy") and not left:
            left.append(path)
            send(stop[0])

    monkeypatch.setattr(os, "unlink", unlinked)
    told = glioflow("clean", cwd=project)
    assert_stopped(told, stop)
    assert left
    assert {len(list(folder.rglob("*.npy"))) for folder in made} <= {0, 3}
    assert glioflow("clean", cwd=project).returncode == 0
    assert not [folder for folder in (*made, project / clean.GONE) if folder.exists()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_watch_ends_after_its_patient_whatever_signal_comes(number):
    with watching._ending() as end:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert end.is_set()


def test_what_nohup_ignores_stays_ignored(tmp_path, monkeypatch):
    write_kaggle(tmp_path / "in", made_up_scan("TCGA_DU_0001_19990101", slices=1))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        once(monkeypatch, Pace, "patient", [signal.SIGHUP])
        assert glioflow("predict", "in", "--out", "out", cwd=tmp_path).returncode == 0
        with watching._ending() as end:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not end.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)
