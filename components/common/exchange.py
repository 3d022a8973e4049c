"""Replace a folder as a whole by another version of it, in one step of the file system."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from components.common.files import folder_beside
from components.common.system import writing

HERE, EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of Linux' renameat2
# Errors of file systems without that call: some network disks, some layered ones.
UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV)


@contextmanager
def next_version(path: Path) -> Iterator[Path]:
    """Yield a copy of the folder `path` to change; it takes the place of `path` if the block succeeds.

    Files are shared with the original (hard links), so they may be replaced or removed in the copy, but not written to.
    Whenever the process is killed, `path` is the complete old version or the complete new one; on file systems that
    can't exchange two folders in one step, it may be absent until `restore` is called.

    Raises:
        UserError: nothing can be created beside `path`, or the disk is full.
    """
    restore(path)
    part = folder_beside(path)
    try:
        with writing(path):
            if path.exists():
                linked(path, part)
            yield part
            os.sync()  # the new files reach the disk before their names do
        part.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o755)
        _put(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)  # the old version, or a new one that failed


def restore(path: Path) -> None:
    """Bring back the old version if a process was killed between the two steps of an exchange."""
    old = _aside(path)
    if old.exists() and not path.exists():
        old.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def linked(source: Path, target: Path) -> None:
    """Fill the empty folder `target` with hard links to all files below `source`; symbolic links stay what they are."""
    for folder, inner, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        for name in inner:
            place = Path(folder, name)
            if place.is_symlink():
                (here / name).symlink_to(os.readlink(place))  # noqa: PTH115  kept as it is written
            else:
                (here / name).mkdir()
        for name in files:
            try:
                os.link(Path(folder, name), here / name, follow_symlinks=False)
            except OSError:  # no hard links there, or too many of one file
                shutil.copy2(Path(folder, name), here / name, follow_symlinks=False)


def _put(part: Path, path: Path) -> None:
    if not path.exists():
        part.rename(path)
        return
    if _exchanged(part, path):
        return
    old = _aside(path)
    try:
        path.rename(old)
        part.rename(path)
    except BaseException:  # a request to stop, too
        if old.exists() and not path.exists():
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two folders in one step; returns False if the file system can't."""
    with suppress(AttributeError):  # a C library without the call
        rename = ctypes.CDLL(None, use_errno=True).renameat2
        if rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0:
            return True
        number = ctypes.get_errno()
        if number not in UNKNOWN:
            raise OSError(number, os.strerror(number), str(other))
    return False


def _aside(path: Path) -> Path:
    """Where the old version waits between the two steps."""
    return path.with_name(f".before-{path.name}")
