"""Progress: on a terminal a bar that moves; in a log, which shows a line when it ends, a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS = 10  # between two lines of a log
LINE = "{desc}: {percentage:3.0f}% {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"


class Lines:
    """Takes what tqdm would write over and over at one place, and writes it as lines."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        """Write a state as a line; what only moves the cursor, or wipes, is nothing."""
        if text.strip():
            self.stream.write(f"{text.strip()}\n")

    def flush(self) -> None:
        """Let it be seen now."""
        self.stream.flush()


def bar(iterable: Iterable[T] | None = None, *args: Any, **options: Any) -> tqdm[T]:
    """A bar on standard error; arguments are those of `tqdm`."""
    if not sys.stderr.isatty():
        known = options.get("total") is not None or hasattr(iterable, "__len__") or len(args) > 1
        options |= {"file": Lines(sys.stderr), "mininterval": SECONDS, "bar_format": LINE if known else None}
    shown: tqdm[T] = tqdm(iterable, *args, **options)  # type: ignore[assignment]
    return shown
