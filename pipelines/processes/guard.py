"""Runs a command for a process that may be killed: once that has ended, everything that the command started ends, too.

`python guard.py PIPE COMMAND...`: the caller keeps the other end of the pipe, which the kernel closes however the
caller ends. Imports nothing of the project, so that it starts in an instant.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

INTERRUPTED = signal.SIGUSR1  # with it the caller reports a SIGINT of its own
# The caller starts this process with them blocked.
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, INTERRUPTED)
PR_SET_CHILD_SUBREAPER = 36


class Guard:
    """Signal handlers of this process, and their state."""

    def __init__(self) -> None:
        self.asked = False
        self.stopped: set[psutil.Process] = set()
        self.from_terminal = False

    def listen(self) -> None:
        """Handle signals, once these are let through."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(INTERRUPTED, self._interrupt)
        for number, handler in ((signal.SIGHUP, self.stop), (signal.SIGINT, self._note)):
            if signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` and shells' background jobs set it
                signal.signal(number, handler)

    def stop(self, number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
        """Ask every descendant to stop: DVC itself exits at once, leaving behind a training run that has to save."""
        self.asked = True
        self.stopped.update(forward(signal.SIGTERM, exclude=self.stopped))

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.from_terminal = True

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Pass the caller's SIGINT on, unless a terminal has sent it to all of us."""
        if not self.from_terminal:
            forward(signal.SIGINT)
        self.from_terminal = False


def heed_signals() -> None:
    """Undo the parent's signal settings in the command's process; ignored signals stay ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def forward(number: int, exclude: Collection[psutil.Process] = ()) -> list[psutil.Process]:
    """Send a signal to every descendant, except those in `exclude`; return those that it was sent to."""
    family = [member for member in psutil.Process().children(recursive=True) if member not in exclude]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.send_signal(number)
    return family


@contextmanager
def woken_by_signals() -> Iterator[int]:
    """Give a file that becomes readable with each signal, SIGCHLD included; for the main thread."""
    woken, wakes = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakes, False)
    number = signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    handler = signal.signal(signal.SIGCHLD, lambda number, frame: None)  # without a handler it would wake nothing
    try:
        yield woken
    finally:
        signal.signal(signal.SIGCHLD, handler)
        signal.set_wakeup_fd(number)
        os.close(woken)
        os.close(wakes)


def wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process and handle each signal at once.

    `Popen.wait` blocks in the kernel, and a signal that comes an instant before it does is handled only afterwards.
    """
    with woken_by_signals() as woken:
        while process.poll() is None:
            select.select([woken], [], [])
            os.read(woken, 512)
    return process.returncode


def stop_with_caller(pipe: int) -> None:
    """Wait until the caller has ended, then stop."""
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def run(pipe: int, command: list[str], scratch: str) -> int:
    """Run the command; returns its exit status, or 128 + the number of the signal that ended it.

    Args:
        pipe: number of this end of the pipe.
        command: program and arguments.
        scratch: folder for temporary files.
    """
    guard = Guard()
    guard.listen()
    # Whatever loses its parent becomes a child of this process, so that it can be found and waited for.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        # Signals stay blocked until this has ended: `exec` forgets one that comes between it and the fork.
        process = subprocess.Popen(command, env={**os.environ, "TMPDIR": scratch}, preexec_fn=heed_signals)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    threading.Thread(target=stop_with_caller, args=(pipe,), daemon=True).start()
    status = wait(process)
    if guard.asked or status < 0:  # otherwise only DVC's own daemon is left, which manages itself
        guard.stop()
        with suppress(ChildProcessError):  # raised when there are no more
            while True:
                os.wait()
    return status if status >= 0 else 128 - status


def main() -> int:
    """Run what the command line says; whatever it leaves among temporary files, even if killed, is removed."""
    with tempfile.TemporaryDirectory(prefix="glioflow-", ignore_cleanup_errors=True) as scratch:
        return run(int(sys.argv[1]), sys.argv[2:], scratch)


if __name__ == "__main__":
    sys.exit(main())
