"""A review or an adoption that is told to stop ends with a line; nothing is half-written or lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import uvicorn
from in_process import glioflow
from reviewed import reviewing, write_found, write_source
from stopping import STOPS, assert_stopped, once, send
from test_adopt import files_of, reviewed_in

from pipelines import reviewing as review_command

pytest_plugins = ["shell_signals"]
pytestmark = pytest.mark.usefixtures("heeded")


@pytest.fixture(params=STOPS)
def stop(request):
    return STOPS[request.param]


def test_adopting_changes_all_or_nothing(tmp_path, monkeypatch, stop):
    reviewed = reviewed_in(tmp_path, "kaggle")
    before = files_of(tmp_path / "scans")
    once(monkeypatch, os, "sync", stop[0])
    told = glioflow("adopt", str(reviewed), "--into", str(tmp_path / "scans"), cwd=tmp_path)
    assert_stopped(told, stop)
    assert files_of(tmp_path / "scans") == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert glioflow("adopt", str(reviewed), "--into", str(tmp_path / "scans"), cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("at", [0, 1])
def test_on_disks_that_exchange_nothing_the_source_is_never_gone(tmp_path, monkeypatch, at):
    """There, the old version is moved aside before the new one takes its place."""
    reviewed = reviewed_in(tmp_path, "kaggle")
    monkeypatch.setattr("components.common.exchange._exchanged", lambda *_: False)
    renames = []
    rename = Path.rename

    def renamed(path, target):
        done = rename(path, target)
        if Path(tmp_path / "scans") in (path, Path(target)):
            renames.append(path)
            if len(renames) == at + 1:
                send([signal.SIGTERM])
        return done

    monkeypatch.setattr(Path, "rename", renamed)
    told = glioflow("adopt", str(reviewed), "--into", str(tmp_path / "scans"), cwd=tmp_path)
    assert told.returncode == 143
    assert len(files_of(tmp_path / "scans")) in (36, 37)


@pytest.mark.parametrize(
    "stop", [STOPS[name] for name in ("SIGTERM", "SIGHUP", "ctrl-C twice")], ids=lambda one: one[1]
)
def test_a_review_ends_with_a_line_and_keeps_its_decisions(tmp_path, monkeypatch, stop):
    write_found(tmp_path / "found", write_source(tmp_path / "scans", "kaggle", ["P1", "P2"]))
    viewer = tmp_path / "niivue.umd.js"
    viewer.write_text("", encoding="utf-8")
    monkeypatch.setattr(review_command, "VIEWER", viewer)
    startup = uvicorn.Server.startup

    async def started(server, sockets=None):
        await startup(server, sockets)
        send(stop[0])

    monkeypatch.setattr(uvicorn.Server, "startup", started)
    options = ("--scans", "scans", "--out", "reviewed", "--reviewer", "Dr. Gold")
    told = glioflow("review", "found", *options, cwd=tmp_path)
    assert_stopped(told, stop)
    assert "decisions are kept in" in told.stderr
    with reviewing(tmp_path) as client:  # nobody holds it any more
        assert client.decide("accepted").status_code == 200
