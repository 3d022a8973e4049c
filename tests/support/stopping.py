"""Signals that this process sends to itself while a command runs in it, and how the command must end."""

from __future__ import annotations

import multiprocessing
import os
import signal

# The signals to send, and the name of the first in the final line of output.
STOPS = {
    "SIGTERM": ([signal.SIGTERM], "SIGTERM"),
    "SIGHUP": ([signal.SIGHUP], "SIGHUP"),
    "ctrl-C twice": ([signal.SIGINT, signal.SIGINT], "ctrl-C"),
    "ctrl-C, then SIGTERM": ([signal.SIGINT, signal.SIGTERM], "ctrl-C"),
}


def send_signals(numbers):
    """Send signals to this process, the later ones while the first is being handled."""
    try:
        os.kill(os.getpid(), numbers[0])
    finally:
        for number in numbers[1:]:
            os.kill(os.getpid(), number)


def assert_stopped(result, stop):
    numbers, name = stop
    assert result.returncode == 128 + numbers[0]
    assert result.stderr.splitlines()[-1].startswith(f"glioflow: stopped by {name}; ")
    assert "Traceback" not in result.stderr
    assert multiprocessing.active_children() == []


def send_signals_during_first_call(monkeypatch, owner, name, numbers):
    """Send signals to this process when the first call of a function ends."""
    original = getattr(owner, name)

    def stopped(*arguments, **more):
        monkeypatch.setattr(owner, name, original)
        returned = original(*arguments, **more)
        send_signals(numbers)
        return returned

    monkeypatch.setattr(owner, name, stopped)
