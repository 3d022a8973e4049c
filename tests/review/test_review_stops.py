"""A signal ends a review or an adoption with one line; nothing is half-written or lost."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
import uvicorn
from in_process import glioflow
from review_client import reviewing, write_predictions, write_source
from stopping import STOPS, assert_stopped, send_signals, send_signals_during_first_call
from test_adopt import make_review, read_files

from components.adopt.adoption import adopt
from pipelines import reviewing as review_command

pytest_plugins = ["shell_signals"]
pytestmark = pytest.mark.usefixtures("default_signals")


def test_a_stopped_adoption_changes_nothing(tmp_path, monkeypatch, stop):
    reviewed = make_review(tmp_path, "kaggle")
    before = read_files(tmp_path / "scans")
    send_signals_during_first_call(monkeypatch, os, "sync", stop[0])
    result = glioflow("adopt", str(reviewed), "--into", str(tmp_path / "scans"), cwd=tmp_path)
    assert_stopped(result, stop)
    assert read_files(tmp_path / "scans") == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert glioflow("adopt", str(reviewed), "--into", str(tmp_path / "scans"), cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("earlier_renames", [0, 1])
def test_without_atomic_exchange_a_stopped_adoption_keeps_the_source(tmp_path, monkeypatch, earlier_renames):
    """On such disks, the old version is moved aside before the new one takes its place."""
    reviewed = make_review(tmp_path, "kaggle")
    shutil.copytree(tmp_path / "scans", tmp_path / "copy")
    adopt(reviewed, tmp_path / "copy")
    before, after = (read_files(tmp_path / name) for name in ("scans", "copy"))
    assert before != after
    monkeypatch.setattr("components.common.exchange._exchanged", lambda *_: False)
    renames = []
    rename = Path.rename

    def rename_and_stop(path, target):
        target_path = rename(path, target)
        if Path(tmp_path / "scans") in (path, Path(target)):
            renames.append(path)
            if len(renames) == earlier_renames + 1:
                send_signals([signal.SIGTERM])
        return target_path

    monkeypatch.setattr(Path, "rename", rename_and_stop)
    result = glioflow("adopt", str(reviewed), "--into", str(tmp_path / "scans"), cwd=tmp_path)
    assert result.returncode == 143
    assert read_files(tmp_path / "scans") == (before, after)[earlier_renames]


@pytest.mark.parametrize(
    "stop", [STOPS[name] for name in ("SIGTERM", "SIGHUP", "ctrl-C twice")], ids=lambda one: one[1]
)
def test_a_stopped_review_ends_with_one_line_and_releases_its_folder(tmp_path, monkeypatch, stop):
    write_predictions(tmp_path / "found", write_source(tmp_path / "scans", "kaggle", ["P1", "P2"]))
    viewer = tmp_path / "niivue.umd.js"
    viewer.write_text("", encoding="utf-8")
    monkeypatch.setattr(review_command, "VIEWER", viewer)
    startup = uvicorn.Server.startup

    async def start_and_stop(server, sockets=None):
        await startup(server, sockets)
        send_signals(stop[0])

    monkeypatch.setattr(uvicorn.Server, "startup", start_and_stop)
    options = ("--scans", "scans", "--out", "reviewed", "--reviewer", "Dr. Gold")
    result = glioflow("review", "found", *options, cwd=tmp_path)
    assert_stopped(result, stop)
    assert "decisions are kept in" in result.stderr
    with reviewing(tmp_path) as client:  # its lock is released
        assert client.decide("accepted").status_code == 200
