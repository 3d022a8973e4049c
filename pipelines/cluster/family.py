"""Run a command so that whoever stops us stops it, and all that it has started, too."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from types import FrameType

import psutil


def call(command: Sequence[str]) -> int:
    """Run a command; returns its exit status.

    SIGTERM, with which clusters announce that a worker goes away, and SIGINT reach every descendant: DVC ends by them at
    once and would leave a training behind, which has a checkpoint to write. All are waited for.

    Raises:
        SystemExit: with 128 + the signal's number, once the last has ended.
    """
    told: list[int] = []
    family: list[psutil.Process] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        told.append(number)
        family.extend(psutil.Process().children(recursive=True))
        for member in family:
            try:
                member.send_signal(number)
            except psutil.NoSuchProcess:
                continue

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with subprocess.Popen(list(command)) as process:
            status = process.wait()
        psutil.wait_procs(family)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if told:
        raise SystemExit(128 + told[0])
    return status
