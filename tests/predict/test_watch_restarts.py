"""A watch that was stopped, killed, cut off or out of space resumes where it was; nothing is lost or done twice."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from watch_harness import status, watched

from components.common.errors import UserError
from components.predict import drop_results
from components.predict.checked_reading import read_one


def test_a_stopped_set_resumes_after_the_finished_patients(tmp_path, model, detector, patients):
    with watched(tmp_path, model, detector) as first:
        for patient in patients[:3]:
            first.drop(patient, f"set/{patient.name}")

        def read(*arguments):
            first.stop = True  # SIGTERM
            return read_one(*arguments)

        first.read = read
        first.poll(2)
        assert first.results() == []
        assert len(first.lines) == 1
    jobs = []
    with watched(tmp_path, model, detector) as second:
        second.read = lambda job, *others: jobs.append(job[1]) or read_one(job, *others)
        second.poll(3)
        assert jobs == [patient.name for patient in patients[1:3]]
        assert [row[:2] for row in status(second, "set")] == [(patient.name, "done") for patient in patients[:3]]
        assert second.unfinished() == []


def test_a_set_whose_files_changed_is_started_afresh(tmp_path, model, detector, patients):
    with watched(tmp_path, model, detector) as first:
        for patient in patients[:2]:
            first.drop(patient, f"set/{patient.name}")
        first.read = lambda *arguments: setattr(first, "stop", True) or read_one(*arguments)
        first.poll(2)
    one = next((first.drops / "set" / patients[0].name).glob("*_1.tif"))
    one.write_bytes(next(patients[1].glob("*_1.tif")).read_bytes())
    jobs = []
    with watched(tmp_path, model, detector) as second:
        second.read = lambda job, *others: jobs.append(job[1]) or read_one(job, *others)
        second.poll(2)
        assert jobs == [patient.name for patient in patients[:2]]


def test_a_result_that_was_moved_away_is_not_recreated(tmp_path, model, detector, patients):
    with watched(tmp_path, model, detector) as first:
        first.drop(patients[0])
        first.poll(2)
        (first.out / patients[0].name).rename(tmp_path / "archive")
        first.poll(2)
    with watched(tmp_path, model, detector) as second:
        second.poll(3)
        assert second.results() == []
        (second.drops / patients[0].name / "more.txt").write_text("more", encoding="utf-8")
        second.poll(3)
        assert second.results() == [f"{patients[0].name}.2"]


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def test_a_drop_that_kills_the_process_repeatedly_is_a_failure(tmp_path, model, detector, patients):
    def read(*_):
        raise KilledError

    for attempt in range(5):
        with watched(tmp_path, model, detector, read=read) as watch:
            if attempt == 0:
                watch.drop(patients[0])
            if attempt < 3:
                with pytest.raises(KilledError):
                    watch.poll(2)
            else:
                watch.poll(2)
    assert status(watch, patients[0].name) == [
        ("unnamed-1", "failed", "the process that predicted it was killed 3 times")
    ]


@pytest.mark.parametrize("note", ["drop.json", "done"])
def test_a_kill_on_either_side_of_the_rename_leaves_one_result(tmp_path, model, detector, patients, monkeypatch, note):
    """Nightly tests kill at all other moments, see tests/support/killing.py."""
    write = drop_results.write_json

    def killed(path, value):
        if note in (path.name, path.parent.name):
            raise KilledError
        write(path, value)

    with watched(tmp_path, model, detector) as first, monkeypatch.context() as patch:
        first.drop(patients[0])
        patch.setattr(drop_results, "write_json", killed)
        with pytest.raises(KilledError):
            first.poll(2)
        assert first.results() == ([patients[0].name] if note == "done" else [])
    with watched(tmp_path, model, detector) as second:
        second.read = None  # nothing may be read again
        second.poll(3)
        assert second.results() == [patients[0].name]
        assert second.unfinished() == []
        assert [row[:2] for row in status(second, patients[0].name)] == [(patients[0].name, "done")]


def test_a_temporarily_lost_share_is_waited_for(watch, patients):
    watch.drop(patients[0])
    watch.poll(1)
    watch.drops.rename(watch.drops.with_name("away"))
    watch.poll(3)
    assert watch.lines == ["the drop folder can't be read (No such file or directory); looking again"]
    watch.drops.with_name("away").rename(watch.drops)
    watch.poll(1)
    assert watch.results() == []  # the copy may have been cut off, so it has to settle again
    watch.poll(1)
    assert watch.results() == [patients[0].name]


def test_a_changed_model_ends_the_watch(tmp_path, model, detector, patients):
    shutil.copytree(model, tmp_path / "model")
    with watched(tmp_path, tmp_path / "model", detector) as watch:
        watch.drop(patients[0])
        watch.poll(1)
        choices = next((tmp_path / "model").rglob("layered.json"))
        choices.write_text(choices.read_text(encoding="utf-8") + " ", encoding="utf-8")
        with pytest.raises(UserError, match="the model has changed since the start"):
            watch.poll(1)
        assert watch.results() == []


def test_the_watch_ends_on_a_full_disk_and_resumes_when_there_is_room(tmp_path, small_disk, model, detector, patients):
    (small_disk / "out").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "out").symlink_to(small_disk / "out")
    with watched(tmp_path / "here", model, detector) as first:
        first.drop(patients[0])
        first.poll(1)
        filler = small_disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - 16 * 1024))
        words = "the disk is full; make room and start again; it continues"
        with pytest.raises(UserError, match=f"^{first.out}: {words}$"):
            first.poll(1)
        assert first.results() == []
    filler.unlink()
    with watched(tmp_path / "here", model, detector) as second:
        second.poll(2)
        assert [row[:2] for row in status(second, patients[0].name)] == [(patients[0].name, "done")]


def test_sigterm_ends_the_command_after_the_current_patient(model, patients, tmp_path):
    shutil.copytree(patients[0], tmp_path / "drops" / patients[0].name)
    shutil.copytree(patients[1], tmp_path / "drops" / patients[1].name)
    words = ["predict", "--watch", "drops", "--out", "out", "--model", str(model), "--settle", "0"]
    command = [Path(sys.executable).with_name("glioflow"), *words]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline(), process.stdout.readline()]
        rejected = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert lines[0] == "watching drops; results go to out\n"
    assert "patient 1 of 1: 8 slices" in lines[1]
    assert rest.splitlines()[-1] == "stopped"
    assert (tmp_path / "out" / patients[0].name / "patients.csv").exists()
    assert rejected.returncode == 2
    (line,) = rejected.stderr.splitlines()
    assert re.match(rf"glioflow: out: process {process.pid} on \S+ has watched {tmp_path}/drops since 20\d\d-", line)
