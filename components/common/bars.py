"""Progress: a moving bar on a terminal; an occasional line in a log, which only shows finished lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS = 10  # between two lines in a log
LINE = "{desc}: {percentage:3.0f}% {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"


class Lines:
    """Turns what tqdm would keep overwriting in place into separate lines."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        """Write a state as a line; ignore text that only moves the cursor or clears the line."""
        if text.strip():
            self.stream.write(f"{text.strip()}\n")

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()


def bar(iterable: Iterable[T] | None = None, *args: Any, **options: Any) -> tqdm[T]:
    """Return a progress bar on standard error; the arguments are those of `tqdm`."""
    if not sys.stderr.isatty():
        known = options.get("total") is not None or hasattr(iterable, "__len__") or len(args) > 1
        options |= {"file": Lines(sys.stderr), "mininterval": SECONDS, "bar_format": LINE if known else None}
    shown: tqdm[T] = tqdm(iterable, *args, **options)  # type: ignore[assignment]
    return shown
