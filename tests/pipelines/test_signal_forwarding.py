"""However the process that runs a command ends, all that the command started is stopped and waited for."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from conftest import ROOT

from pipelines.processes.forwarding import run_forwarding_signals

# Runs a command as `glioflow run` runs DVC: the command inherits the lock.
CALLER = """\
import fcntl
from pipelines.processes.forwarding import kept_open, run_forwarding_signals

with open("lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    with kept_open(lock.fileno()):
        raise SystemExit(run_forwarding_signals(["sh", "-c", 'python training.py "$0"; exit 7', "a word's"]))
"""
# A grandchild of the caller that acts like a training: it records the signals it gets, and has to save before it ends.
# A thread waits for signals, because a handler would run too late if one came just before the main thread blocks.
TRAINING = """\
import os, pathlib, signal, sys, tempfile, threading

SIGNALS = (signal.SIGTERM, signal.SIGINT)

def note():
    while number := signal.sigwait(SIGNALS):
        with open("signals", "a") as file:
            file.write(f"{number.name}\\n")

signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
threading.Thread(target=note, daemon=True).start()
pathlib.Path("left").write_text(tempfile.mkdtemp())
pathlib.Path("begun").write_text(f"{os.getpid()} {sys.argv[1]}")
pathlib.Path("go on").read_text()
pathlib.Path("saved").touch()
"""
PIPES = ("begun", "go on")


def heed_signals():
    """Undo what `nohup` or a shell's background job has set for this process and its children."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start_caller(tmp_path):
    """A function that starts the caller, waits for the training to run, and returns both processes and the folder."""
    (tmp_path / "training.py").write_text(TRAINING, encoding="utf-8")
    for name in PIPES:
        os.mkfifo(tmp_path / name)
    processes = []

    def start(**arguments):
        settings = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}  # noqa: PTH120
        arguments.setdefault("preexec_fn", heed_signals)
        command = [sys.executable, "-c", CALLER]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=settings | {"PYTHONPATH": str(ROOT)}, start_new_session=True,
            stderr=subprocess.DEVNULL, **arguments,
        )  # fmt: skip
        number, _, word = (tmp_path / "begun").read_text(encoding="utf-8").partition(" ")
        assert word == "a word's"
        processes.extend([process, psutil.Process(int(number))])
        return SimpleNamespace(process=process, training=processes[-1], folder=tmp_path)

    yield start
    assert not Path((tmp_path / "left").read_text(encoding="utf-8")).exists()
    for process in processes:
        if process.poll() is None if isinstance(process, subprocess.Popen) else process.is_running():
            process.kill()


def let_training_end(folder):
    (folder / "go on").write_text("", encoding="utf-8")


def is_locked(folder):
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def received_signals(folder):
    file = folder / "signals"
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def wait_for_signal(run, name):
    """Wait until the training gets a signal; it has to hold the lock until then."""
    while name not in received_signals(run.folder):
        assert is_locked(run.folder)


def test_killing_the_caller_stops_all_and_keeps_the_lock_until_they_end(start_caller):
    run = start_caller()
    run.process.kill()
    run.process.wait()
    wait_for_signal(run, "SIGTERM")
    let_training_end(run.folder)
    with (run.folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # waits for the last process
    assert (run.folder / "saved").exists()
    assert not psutil.pid_exists(run.training.pid)
    assert received_signals(run.folder) == ["SIGTERM"]


@pytest.mark.parametrize(
    ("sent", "status", "got"),
    [
        ([signal.SIGTERM], 143, "SIGTERM"),
        ([signal.SIGHUP], 129, "SIGTERM"),
        ([signal.SIGINT], -signal.SIGINT, "SIGINT"),
        ([signal.SIGINT] * 2, -signal.SIGINT, "SIGINT"),
        ([signal.SIGINT, signal.SIGTERM], -signal.SIGINT, "SIGTERM"),
    ],
)
def test_a_signal_to_the_caller_reaches_all_and_the_last_is_awaited(start_caller, sent, status, got):
    run = start_caller()
    for number in sent:
        run.process.send_signal(number)
    wait_for_signal(run, got)
    assert run.process.poll() is None
    let_training_end(run.folder)
    assert run.process.wait() == status
    assert (run.folder / "saved").exists()
    assert not is_locked(run.folder)


@pytest.mark.nightly  # 90 processes for each signal
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_at_any_moment_of_the_start_stops_the_command(number, tmp_path):
    """A signal used to get lost while the command was being started, or just before it was waited for."""
    command = ["sh", "-c", "sleep 2; touch ended"]
    caller = (
        f"from pipelines.processes.forwarding import run_forwarding_signals as run; raise SystemExit(run({command}))"
    )
    for attempt in range(90):
        process = subprocess.Popen(
            [sys.executable, "-c", caller], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=heed_signals,
        )  # fmt: skip
        while len(descendants := psutil.Process(process.pid).children(recursive=True)) < 1 + attempt % 3:
            assert process.poll() is None  # the caller, its guard, the command and its child
        process.send_signal(number)
        process.wait()
        assert not (tmp_path / "ended").exists(), descendants


def test_ctrl_c_in_a_terminal_reaches_the_training_once(start_caller):
    run = start_caller()
    os.killpg(run.process.pid, signal.SIGINT)
    wait_for_signal(run, "SIGINT")
    let_training_end(run.folder)
    assert run.process.wait() == -signal.SIGINT
    assert received_signals(run.folder) == ["SIGINT"]


def test_under_nohup_a_closed_terminal_stops_nothing(start_caller):
    run = start_caller(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    os.killpg(run.process.pid, signal.SIGHUP)
    let_training_end(run.folder)
    assert run.process.wait() == 7
    assert received_signals(run.folder) == []


def test_when_the_command_is_killed_its_children_are_stopped(start_caller):
    run = start_caller()
    run.training.parent().kill()
    wait_for_signal(run, "SIGTERM")
    assert run.process.poll() is None
    let_training_end(run.folder)
    assert run.process.wait() == 128 + signal.SIGKILL
    assert (run.folder / "saved").exists()


def test_a_missing_command_is_reported(capfd):
    assert run_forwarding_signals(["no-such-program", "pull"]) == 127
    assert capfd.readouterr().err == "no-such-program: No such file or directory\n"
