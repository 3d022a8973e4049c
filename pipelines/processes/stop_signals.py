"""Commands that end cleanly when stopped: by SIGTERM, by SIGHUP as a terminal closes, by ctrl-C once or often."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP", signal.SIGINT: "ctrl-C"}


@contextmanager
def report_interruption(left: str) -> Iterator[None]:
    """End the block at the first signal, let it clean up, and say in one line what is left.

    Further signals are ignored, so that cleaning up is not interrupted. Signals that are ignored already, as `nohup`
    arranges for SIGHUP, stay so. A block that handles signals itself, as training does, ends with the same line if it
    exits with the same status.

    Args:
        left: state of things after a stop, and how to go on.

    Raises:
        SystemExit: with 128 + the signal's number, as shells report it.
    """
    before = {number: signal.getsignal(number) for number in NAMES}
    heeded = [number for number, handler in before.items() if handler != signal.SIG_IGN]

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for one in heeded:
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in heeded:
        signal.signal(number, stop)
    try:
        yield
    except SystemExit as end:
        name = next((name for number, name in NAMES.items() if end.code == 128 + number), None)
        if name:
            click.echo(f"glioflow: stopped by {name}; {left}", err=True)
        raise
    finally:
        for number in heeded:
            signal.signal(number, before[number])
