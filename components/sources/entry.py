"""A patient's location in a source tree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One patient's location: a folder or a file, and all files that belong to it.

    Attributes:
        spread: whether its files lie in several folders, or beside those of others; the reader then gets them one by
            one.
        channels: meaning of the last axis of a 4-D file, or of the number at the end of a file name, if the source says
            so.
    """

    path: str
    files: list[str]
    spread: bool = False
    channels: tuple[str, ...] = ()
