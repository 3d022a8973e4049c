"""Paths for libraries that take a path for a pattern."""

from __future__ import annotations

import glob
import tempfile
from pathlib import Path

_LINKS: list[tempfile.TemporaryDirectory] = []  # each is removed when nothing holds it any more


def plain_path(path: str | Path) -> str:
    """The absolute path of a folder as Beam and TensorFlow may have it, for whom brackets and the like make a pattern.

    Where there are such characters in it, this is that of a link, which is gone when this process ends.
    """
    absolute = str(Path(path).resolve())
    if glob.escape(absolute) == absolute:
        return absolute
    folder = tempfile.TemporaryDirectory(prefix="glioflow-link-")
    _LINKS.append(folder)
    link = Path(folder.name) / "folder"
    link.symlink_to(absolute)
    return str(link)
