"""The folder of a review belongs to one review, and to one reviewer at a time."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.files import read_json, write_json

RECORD, LOCK = "review.json", ".lock"
_NAME = re.compile(r"\w[\w .,'@-]{0,63}")


def check_reviewer(name: str) -> str:
    """Return a reviewer's name, which goes into a table; raises UserError for none, and for what spreadsheets run."""
    if not _NAME.fullmatch(name):
        raise UserError("--reviewer: give a name of at most 64 letters, digits, spaces and .,'@-")
    return name


@contextmanager
def claimed(folder: Path, record: dict[str, Any], reviewer: str) -> Iterator[None]:
    """Hold the folder of a review; creates it if necessary, and tells Git to ignore it, because it names patients.

    Args:
        folder: folder of the review.
        record: what the review is about; kept in review.json.
        reviewer: name that is shown to a second reviewer.

    Raises:
        UserError: somebody is reviewing there, or the folder holds something other than this review.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; give a folder with --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RECORD).exists() and not (folder / LOCK).exists():
        raise UserError(f"{folder}: holds something other than a review; give another folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            other = lock.read(64) or "somebody"
            raise UserError(f"{folder}: {other} is reviewing there; wait, or give another folder with --out") from error
        lock.truncate(0)
        lock.write(reviewer)
        lock.flush()
        if (folder / RECORD).exists():
            before = read_json(folder / RECORD)
            differing = [name for name in record if before.get(name) != record[name]]
            if differing:
                raise UserError(f"{folder}: holds a review of other {differing[0]}; give another folder with --out")
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        write_json(folder / RECORD, record)
        yield
