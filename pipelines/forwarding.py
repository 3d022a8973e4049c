"""Run a command so that a signal to this process also stops the command and everything it started."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

import psutil


def run_forwarding_sigterm(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> int:
    """Run a command and return its exit status.

    SIGTERM, with which clusters and service managers stop a process, is passed on to every descendant: DVC itself exits
    at once and would leave behind a training that still has a checkpoint to write. All descendants are waited for,
    including after the SIGINT of ctrl-C, which a terminal sends to all of them itself.

    Raises:
        SystemExit: with 128 + the signal's number, once the last descendant has ended.
    """
    stopped = False
    family: list[psutil.Process] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        family.extend(psutil.Process().children(recursive=True))
        for member in family:
            try:
                member.send_signal(number)
            except psutil.NoSuchProcess:
                continue

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        with subprocess.Popen(list(command), cwd=cwd, env=env) as process:
            try:
                status = process.wait()
            except KeyboardInterrupt:
                process.wait()
                raise
        psutil.wait_procs(family)
    finally:
        signal.signal(signal.SIGTERM, before)
    if stopped:
        raise SystemExit(128 + signal.SIGTERM)
    return status
