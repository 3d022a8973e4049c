"""Where one patient lies in a tree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One patient's place: a folder or a file, and all files that belong to it.

    Attributes:
        spread: its files lie in several folders, or beside those of others; the reader is given them one by one.
        channels: what the last axis of a 4-D file, or the number at a file's end, counts, where the source tells.
    """

    path: str
    files: list[str]
    spread: bool = False
    channels: tuple[str, ...] = ()
