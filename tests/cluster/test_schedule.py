"""The timer of one machine by systemd's own check, and the cron line by the shell that would run it."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from conftest import ROOT

from pipelines.verbs.predict import predict

FOLDER = ROOT / "infra" / "schedule"
HOME = "/opt/glioflow"  # where the files expect the project
UNITS = ("glioflow.service", "glioflow.timer", "glioflow-watch.service")


def verified(folder, right="", wrong=""):
    """What systemd says of the service and its timer, with something made wrong in them."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    for name in UNITS:
        text = re.sub(rf"ExecStart={HOME}/\.venv\S*/bin/glioflow", "ExecStart=/bin/true", (FOLDER / name).read_text())
        (folder / name).write_text(text.replace(right, wrong))
    command = ["systemd-analyze", "verify", *(folder / name for name in UNITS)]
    result = subprocess.run(command, capture_output=True, text=True)
    # It tells of the machine's own units, too.
    return [line for line in (result.stdout + result.stderr).splitlines() if "glioflow" in line]


def test_systemd_understands_the_units(tmp_path):
    assert verified(tmp_path) == []


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("right", "wrong", "word"),
    [
        ("Type=oneshot", "Type=onshot", "onshot"),
        ("ReadWritePaths", "ReadWritePath", "ReadWritePath"),
        ("*-*-* 02:00:00", "*-*-* 25:00:00", "25:00:00"),
        ("RestartSec=1min", "RestartSec=soon", "soon"),
    ],
)
def test_systemd_would_find_a_mistake_in_them(tmp_path, right, wrong, word):
    assert any(word in line for line in verified(tmp_path, right, wrong))


def test_the_watch_is_started_as_the_command_line_takes_it(tmp_path):
    (line,) = re.findall(r"(?m)^ExecStart=(.*)$", (FOLDER / "glioflow-watch.service").read_text())
    program, *words = line.split()
    assert program == f"{HOME}/.venv-predict/bin/glioflow"
    assert words[0] == "predict"
    with predict.make_context("predict", words[1:]) as context:
        assert (context.params["watch"], context.params["out"]) == ("/srv/glioflow/in", "/srv/glioflow/out")


def cron_line():
    lines = (FOLDER / "glioflow.cron").read_text().splitlines()
    (line,) = (line for line in lines if line and not line.startswith("#") and "=" not in line.split()[0])
    return line


def test_the_cron_line_runs_as_cron_runs_it(tmp_path):
    """With stand-ins for the workflow and for the system's log, which keep what reaches them."""
    *when, user, command = cron_line().split(maxsplit=6)
    assert (when, user) == (["0", "2", "*", "*", "*"], "glioflow")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in {
        "glioflow": 'echo "$@"; echo scheduled run: nothing new',
        "logger": f"cat > {tmp_path}/log.part; mv {tmp_path}/log.part {tmp_path}/log",
    }.items():
        (programs / name).write_text(f"#!/bin/bash\n{script}\n")
        (programs / name).chmod(0o755)
    result = subprocess.run(
        [
            "bash",
            "-c",
            command.replace(f"cd {HOME}", f"cd {tmp_path}") + f"; while [ ! -e {tmp_path}/log ]; do :; done",
        ],
        env={"PATH": f"{programs}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stdout.splitlines() == ["scheduled --sync", "scheduled run: nothing new"]
    assert (tmp_path / "log").read_text() == "scheduled run: nothing new\n"
