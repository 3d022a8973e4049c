"""One run at a time: whatever changes this folder does so behind one lock."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from components.common.errors import UserError
from pipelines.forwarding import kept_open


class UnderWayError(UserError):
    """Another run is working in the same folder."""


@contextmanager
def alone(verb: str = "run") -> Iterator[None]:
    """Let one run at a time work here.

    The kernel holds the lock: it is released when this process and the commands it runs have ended, however they do.

    Args:
        verb: name of this activity, shown to others.

    Raises:
        UnderWayError: another run is working here; says since when.
    """
    if not Path(".dvc").is_dir():  # DVC will report that, and nothing can run
        yield
        return
    folder = Path(".dvc/tmp")
    folder.mkdir(exist_ok=True)
    with (folder / "glioflow.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise UnderWayError(
                f"another run is under way here, started {file.read().strip()}; wait until it ends"
            ) from error
        file.truncate(0)
        others = "" if verb == "run" else f" ({verb})"
        file.write(datetime.now().astimezone().isoformat(" ", "seconds") + others)
        file.flush()
        with kept_open(file.fileno()):
            yield
