"""Signals that this process sends to itself while a command runs in it, and how the command has to end."""

from __future__ import annotations

import multiprocessing
import os
import signal

# Signals as they come, and what the line calls the first of them.
STOPS = {
    "SIGTERM": ([signal.SIGTERM], "SIGTERM"),
    "SIGHUP": ([signal.SIGHUP], "SIGHUP"),
    "ctrl-C twice": ([signal.SIGINT, signal.SIGINT], "ctrl-C"),
    "ctrl-C, then SIGTERM": ([signal.SIGINT, signal.SIGTERM], "ctrl-C"),
}


def send(numbers):
    """Send signals to this process, the next one while the first is being heeded."""
    try:
        os.kill(os.getpid(), numbers[0])
    finally:
        for number in numbers[1:]:
            os.kill(os.getpid(), number)


def assert_stopped(told, stop):
    numbers, name = stop
    assert told.returncode == 128 + numbers[0]
    assert told.stderr.splitlines()[-1].startswith(f"glioflow: stopped by {name}; ")
    assert "Traceback" not in told.stderr
    assert multiprocessing.active_children() == []


def once(monkeypatch, place, name, numbers):
    """Let the first call of a function end in signals."""
    whole = getattr(place, name)

    def stopped(*arguments, **more):
        monkeypatch.setattr(place, name, whole)
        done = whole(*arguments, **more)
        send(numbers)
        return done

    monkeypatch.setattr(place, name, stopped)
