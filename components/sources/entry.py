"""A patient's location in a source tree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One patient's location: a folder or a file, and all files that belong to it.

    Attributes:
        scattered: whether its files lie in several folders, or beside other patients' files; the reader then also gets
            the list of files.
        channels: meaning of the last axis of a 4-D file, or of the number at the end of a file name, if the source says
            so.
    """

    path: str
    files: list[str]
    scattered: bool = False
    channels: tuple[str, ...] = ()
