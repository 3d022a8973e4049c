"""What lies in a drop folder: one folder or archive per patient, perhaps still being copied."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.io.storage import files_below, is_litter
from components.sources.archive import is_archive

# Names of files and folders that a program has not finished: a browser, rsync, WinSCP, Syncthing, an editor.
_TEMPORARY = re.compile(
    r".*(~|\.(part|partial|filepart|tmp|temp|crdownload|download|opdownload|!ut|aria2|swp|lock|writing|incomplete))"
    r"|~.*|#.*#|\..*",
    re.IGNORECASE,
)
# Hidden files that belong to a set.
_SETTINGS = (".bidsignore", ".dvcignore", ".gitattributes", ".gitignore", ".gitkeep")

Files = dict[str, list[int]]


@dataclass(frozen=True)
class Drop:
    """A folder or an archive in the drop folder, as it is at one moment.

    Attributes:
        name: name in the drop folder.
        files: path below the drop folder to size, bytes, and time of the last change, nanoseconds.
        stamp: hash of these and of whatever else tells that a file was touched.
        waits: why it can't be complete; "" if nothing says so.
    """

    name: str
    files: Files
    stamp: str
    waits: str = ""


def is_temporary(name: str) -> bool:
    """Return whether a file or folder has the name of one that a program is still writing."""
    return bool(_TEMPORARY.fullmatch(name)) and name not in _SETTINGS and not is_litter(name)


def list_drops(folder: Path) -> Iterator[Drop]:
    """Yield what was dropped, by name; hidden and temporary entries don't count, and neither do single files.

    Raises:
        OSError: the folder can't be listed.
    """
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if os.path.isdir(entry.path) or is_archive(entry.name))  # noqa: PTH112
    for name in names:
        if not is_temporary(name) and (drop := read_drop(folder, name)):
            yield drop


def loose_files(folder: Path) -> int:
    """Return how many files lie beside the drops, so that their patient is unknown; 0 if none is seen."""
    try:
        names = [name for name in os.listdir(folder) if (folder / name).is_file() and not is_archive(name)]  # noqa: PTH208
    except OSError:
        return 0
    return sum(not is_temporary(name) and not is_litter(name) for name in names)


def printable(name: str) -> str:
    """Return a file's name as text that can be written, even if it is not UTF-8 on the disk."""
    return os.fsencode(name).decode(errors="backslashreplace")


def read_drop(folder: Path, name: str) -> Drop | None:
    """Return a drop as it is now; None if there is none, or nothing in it yet."""
    place = folder / name
    refused: list[OSError] = []
    # Not Path's own, which raises where a share is lost.
    paths = sorted(files_below(place, refused.append)) if os.path.isdir(place) else [str(place)]  # noqa: PTH112
    waits = "a folder in it can't be read" if refused else ""
    files: Files = {}
    sha = hashlib.sha256()
    for path in paths:
        relative = printable(os.path.relpath(path, folder))
        if not waits and relative.encode() != os.fsencode(os.path.relpath(path, folder)):
            waits = f"{relative} is not a name in UTF-8; rename it"
        if not waits and any(map(is_temporary, Path(relative).parts[1:])):
            waits = f"{relative} is being written, judging by its name"
        try:
            found = os.stat(path)  # noqa: PTH116  of what a link points to
        except OSError:
            if path == str(place):
                return None
            waits = waits or f"{relative} has vanished, or is a link to nothing"
            continue
        if not waits and not (stat.S_ISREG(found.st_mode) and os.access(path, os.R_OK)):
            waits = f"{relative} can't be read, or is no file"
        files[relative] = [found.st_size, found.st_mtime_ns]
        sha.update(repr((relative, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)).encode())
    return Drop(name, files, sha.hexdigest(), waits) if files or waits else None
