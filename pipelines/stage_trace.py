"""Which stages really ran: each adds its name to a file that the environment names. DVC only prints that."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "GLIOFLOW_TRACE"


def record_stage(stage: str) -> None:
    """Record that the stage's own command has started; does nothing if nobody is recording."""
    if VARIABLE in os.environ:
        with Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as file:
            file.write(f"{stage}\n")


@contextmanager
def recorded_stages() -> Iterator[list[str]]:
    """Yield a list that, after the block, holds the stages that ran in it, in order."""
    stages: list[str] = []
    with tempfile.TemporaryDirectory(prefix="glioflow-trace-") as folder:
        file = Path(folder) / "stages"
        file.touch()
        os.environ[VARIABLE] = str(file)
        try:
            yield stages
        finally:
            del os.environ[VARIABLE]
            stages += file.read_text(encoding="utf-8").splitlines()
