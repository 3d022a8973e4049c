"""Errors of the machine, such as a full disk or an unreadable file, as one line for users."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.common.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Beam, SQLite and TensorFlow pass on only the message.
WORDS = (*(os.strerror(number) for number in FULL), "database or disk is full")
REMEDIES = {
    errno.ENOENT: "it was moved or removed, or what makes it has not run yet",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.EROFS: "choose a folder that can be written",
}


class DiskFullError(UserError):
    """The disk is full, so there is no point in continuing with the next patient."""


def is_full(error: BaseException | None) -> bool:
    """Return whether an error, or one of its causes, reports a full disk."""
    while error is not None:
        if getattr(error, "errno", None) in FULL or any(words in str(error) for words in WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def in_words(error: BaseException) -> str | None:
    """Name the file, the reason and the remedy; returns None if the machine did not cause the error."""
    if is_full(error):
        return f"{_place(error)}{_reason(error)}; make room and start again"
    if isinstance(error, OSError) and error.errno:
        remedy = REMEDIES.get(error.errno, "fix that and start again")
        return f"{_place(error)}{_reason(error)}; {remedy}"
    return None


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Report a full disk as a problem of `path` rather than of the temporary name beside it.

    Raises:
        DiskFullError: the disk filled up inside the block.
    """
    try:
        yield
    except DiskFullError as error:  # raised for a file inside `path`
        raise DiskFullError(_full(path, error.__cause__)) from error.__cause__
    except UserError:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        raise DiskFullError(_full(path, error)) from error


def _full(path: str | Path, error: BaseException | None) -> str:
    return f"{path}: the disk is full ({_reason(error)}); make room and start again"


def _place(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    return f"{name}: " if name else ""


def _reason(error: BaseException | None) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else next((words for words in WORDS if words in str(error)), WORDS[0])
