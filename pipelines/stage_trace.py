"""Which stages really ran: each leaves its name in a file that the environment names. DVC tells so to people only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "GLIOFLOW_TRACE"


def record_stage(stage: str) -> None:
    """Note that the stage's own command has begun; without anybody who listens, nothing happens."""
    if VARIABLE in os.environ:
        with Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as file:
            file.write(f"{stage}\n")


@contextmanager
def recorded_stages() -> Iterator[list[str]]:
    """Yield a list that holds, once the block has ended, the stages that ran in it, in their order."""
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
