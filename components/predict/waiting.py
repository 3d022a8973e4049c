"""Drops that can't be predicted yet, and why: by name in a table beside the results, once and unnamed in the log."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from components.common.files import atomic_file

TABLE = "waiting.csv"


class Waiting:
    """Notes of what waits.

    Args:
        folder: folder of the table.
        log: function that takes a line for the log.
    """

    def __init__(self, folder: Path, log: Callable[[str], None]) -> None:
        self.path, self.log = folder / TABLE, log
        self.noted: dict[str, str] | None = None  # what the table says
        self.lines: dict[str, str] = {}  # last line about each

    def note(self, name: str, line: str) -> None:
        """Log a line about a drop, unless that was the last one about it."""
        if self.lines.get(name) != line:
            self.lines[name] = line
            self.log(line)

    def write(self, waiting: dict[str, str]) -> None:
        """Write the table of all that waits now, name to reason, and forget what no longer does."""
        for name in self.lines.keys() - waiting.keys():
            del self.lines[name]
        if waiting == self.noted:
            return
        if waiting:
            with (
                atomic_file(self.path) as part,
                part.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
            ):
                csv.writer(file, lineterminator="\n").writerows([("drop", "why"), *sorted(waiting.items())])
        else:
            self.path.unlink(missing_ok=True)
        self.noted = waiting
