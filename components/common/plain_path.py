"""Paths for libraries that interpret a path as a pattern."""

from __future__ import annotations

import glob
import tempfile
from pathlib import Path

_LINKS: list[tempfile.TemporaryDirectory] = []  # each is removed once nothing refers to it


def plain_path(path: str | Path) -> str:
    """Return a path that is safe for Beam and TensorFlow, which read brackets and the like as patterns.

    The path is absolute. If it contains such characters, it is that of a link, which is removed when this process ends.
    """
    absolute = str(Path(path).resolve())
    if glob.escape(absolute) == absolute:
        return absolute
    folder = tempfile.TemporaryDirectory(prefix="glioflow-link-")
    _LINKS.append(folder)
    link = Path(folder.name) / "folder"
    link.symlink_to(absolute)
    return str(link)
