"""Which stages ran, and for how long: notes among DVC's temporary files, no stage's output.

DVC itself only prints whether it ran a stage or restored its results.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from components.common.faults import is_transient
from components.common.files import read_json, write_json

BEGAN = time.time()  # the command line imports this module before doing anything else
FOLDER = Path(".dvc/tmp/glioflow-stages")
SHELLS = {"sh", "bash", "dash", "fish", "ksh", "zsh"}


@dataclass
class LastRun:
    """State of the stages, in the order of dvc.yaml.

    Attributes:
        seconds: durations of the stages that ran.
        unfinished: stages that started but did not succeed: running, failed, or killed.
        up_to_date: stages that did not need to run.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    up_to_date: list[str] = field(default_factory=list)


@contextmanager
def noted(stage: str) -> Iterator[None]:
    """Record a stage's duration, from the start of its process; until it succeeds, record it as unfinished."""
    if not FOLDER.parents[1].is_dir():  # without DVC nobody would read them
        yield
        return
    note = {"began": BEGAN, "seconds": None, "starter": _starter()}
    write_json(FOLDER / f"{stage}.json", note)
    try:
        yield
    except Exception as error:
        # DVC keeps a stage's exit status to itself.
        write_json(FOLDER / f"{stage}.json", note | {"passing": is_transient(error)})
        raise
    write_json(FOLDER / f"{stage}.json", note | {"seconds": round(time.time() - BEGAN, 1)})


def last_run(since: float | None = None) -> LastRun:
    """Read the notes.

    Args:
        since: start of the run, in seconds of `time.time`; None takes the last run in which a stage ran.
    """
    notes = {path.stem: read_json(path) for path in FOLDER.glob("*.json")}
    if since is None and notes:
        last = max(notes.values(), key=lambda note: note["began"])
        since = min(note["began"] for note in notes.values() if note["starter"] == last["starter"])
    found = LastRun()
    for stage in stage_names():
        note = notes.get(stage)
        if note is None or since is None or note["began"] < since:
            found.up_to_date.append(stage)
        elif note["seconds"] is None:
            found.unfinished.append(stage)
        else:
            found.seconds[stage] = note["seconds"]
    return found


def failed_transiently(stage: str, since: float) -> bool:
    """Return whether a transient fault has ended a stage since `since`, in seconds of `time.time`."""
    file = FOLDER / f"{stage}.json"
    note = read_json(file) if file.exists() else {}
    return bool(note.get("passing")) and note["began"] >= since


def stage_names() -> Iterator[str]:
    """Names of the stages of dvc.yaml, as DVC knows them."""
    from pipelines.stage_inputs import stages

    yield from (name for name, _ in stages())


def _starter() -> str:
    """The process that started this one, ignoring shells: one `dvc repro` starts all stages of a run."""
    import psutil

    for process in psutil.Process().parents():
        if process.name() not in SHELLS:
            return f"{process.pid} {process.create_time()}"
    return ""
