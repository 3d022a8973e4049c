"""One run at a time: whatever changes this folder does so behind one lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from components.common.errors import UserError
from components.common.lock import HeldError, held
from pipelines.processes.forwarding import kept_open


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
    words = datetime.now().astimezone().isoformat(" ", "seconds") + ("" if verb == "run" else f" ({verb})")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(held(folder / "glioflow.lock", words))
        except HeldError as error:
            raise UnderWayError(f"another run is under way here, started {error}; wait until it ends") from error
        with kept_open(file):
            yield
