"""A lock that the kernel holds for one process: it is released with the process, however that ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HeldError(Exception):
    """Another process holds the lock; the message is what it wrote there about itself."""


@contextmanager
def held(path: Path, words: str) -> Iterator[int]:
    """Hold a lock; yields the descriptor of its file.

    Args:
        path: file of the lock, which is never removed.
        words: description of this process, shown to others.

    Raises:
        HeldError: another process holds it.
    """
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise HeldError(file.read().strip()) from error
        file.truncate(0)
        file.write(words)
        file.flush()
        yield file.fileno()
