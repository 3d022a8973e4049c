"""The systemd units of a single machine pass systemd's own check, and the cron line runs in a shell."""

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


def systemd_complaints(folder, right="", wrong=""):
    """Return systemd's complaints about the units, with some of their text made wrong."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    for name in UNITS:
        text = re.sub(rf"ExecStart={HOME}/\.venv\S*/bin/glioflow", "ExecStart=/bin/true", (FOLDER / name).read_text())
        (folder / name).write_text(text.replace(right, wrong))
    command = ["systemd-analyze", "verify", *(folder / name for name in UNITS)]
    result = subprocess.run(command, capture_output=True, text=True)
    # systemd also complains about the machine's own units.
    return [line for line in (result.stdout + result.stderr).splitlines() if "glioflow" in line]


def test_systemd_accepts_the_units(tmp_path):
    assert systemd_complaints(tmp_path) == []


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
def test_systemd_finds_a_mistake_in_a_unit(tmp_path, right, wrong, word):
    assert any(word in line for line in systemd_complaints(tmp_path, right, wrong))


def test_the_watch_unit_starts_a_valid_predict_command(tmp_path):
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


def test_the_cron_line_starts_a_scheduled_run_and_logs_its_outcome(tmp_path):
    """With stand-ins for `glioflow` and `logger` that record what reaches them."""
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
