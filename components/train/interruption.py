"""Requests to stop, by SIGTERM (a preempted worker, a timeout), SIGHUP (a closed terminal) or ctrl-C.

They are recorded at once and obeyed after the step.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """Within the block, signals are only recorded; outside the main thread there are none to catch.

    Signals that are ignored, as `nohup` arranges for SIGHUP, stay so.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self) -> None:
        self.signal: int | None = None
        self.before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self.before = {
                number: signal.signal(number, self._note)
                for number in self.SIGNALS
                if signal.getsignal(number) != signal.SIG_IGN
            }
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number

    def check(self) -> None:
        """Exit with 128 + the signal's number, as shells report it, if a stop was requested."""
        if self.signal is not None:
            raise SystemExit(128 + self.signal)
