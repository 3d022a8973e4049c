"""Run a command so that whatever ends this process also stops the command and everything it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pipelines.processes import guard

_kept: list[int] = []


@contextmanager
def kept_open(file: int) -> Iterator[None]:
    """Let commands that run within the block keep a file open until the last process they started has ended.

    A lock on it thus outlives this process if it is killed.
    """
    _kept.append(file)
    try:
        yield
    finally:
        _kept.remove(file)


def run_forwarding_signals(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> int:
    """Run a command, below a guard, and return its exit status; 128 + a signal's number if a signal ended it.

    SIGTERM, with which clusters and service managers stop a process, and SIGHUP, when a terminal is closed, stop every
    descendant; so does the end of this process by SIGKILL. SIGINT is passed on unless a terminal has sent it to all.
    Descendants are waited for, however often a signal comes.

    Raises:
        SystemExit: with 128 + the signal's number, once the last descendant has ended.
        KeyboardInterrupt: SIGINT came; the last descendant has ended.
    """
    received: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if process is not None:
            process.send_signal(guard.INTERRUPTED if number == signal.SIGINT else signal.SIGTERM)

    before = {
        number: signal.signal(number, pass_on)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    ours, theirs = os.pipe()
    try:
        words = [sys.executable, "-I", guard.__file__, str(ours), *command]
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, guard.SIGNALS)
        try:
            process = subprocess.Popen(words, cwd=cwd, env=env, pass_fds=(ours, *_kept))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        status = guard.wait(process)
    finally:
        os.close(ours)
        os.close(theirs)
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        if received[0] == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + received[0])
    return status
