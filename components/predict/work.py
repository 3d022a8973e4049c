"""The task of a prediction: opened inputs and an output folder. Does not need TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.files import read_json, write_json
from components.common.layout import FETCHED
from components.common.system import is_full
from components.layered.record import digest
from components.predict import results
from components.predict.checked_reading import Job
from components.predict.output_checks import check_empty
from components.predict.run_options import RunOptions
from components.sources import Source
from components.sources.inputs import open_input
from components.sources.reading import Options


@dataclass(frozen=True)
class Work:
    """Opened inputs, and the patients to predict.

    Attributes:
        sources: opened inputs.
        jobs: patients still to predict.
        skipped: patients predicted before.
        stale: those of `jobs` who were predicted before, but from other files or with other options.
        options: how to predict.
        others: number of patients with results of an earlier run who are in none of the inputs.
    """

    sources: list[Source]
    jobs: list[Job]
    skipped: int
    stale: list[str]
    options: RunOptions
    others: int


@contextmanager
def opened(inputs: Sequence[str], out: Path, model: Path, options: RunOptions, *, resume: bool) -> Iterator[Work]:
    """Open the inputs and the folder `out`; to see which of its results still hold, the files of those are hashed.

    Raises:
        UserError: an input can't be opened, two inputs share a patient, or `out` holds results of another model, or
            results without `resume`.
    """
    _check(out, model, resume)
    with ExitStack() as stack, _resumable(out):
        sources = [stack.enter_context(open_input(address)) for address in inputs]
        jobs = [(number, patient) for number, source in enumerate(sources) for patient in source.patients]
        seen: dict[str, int] = {}
        for number, patient in jobs:
            if patient in seen:
                raise UserError(
                    f"{inputs[number]}: patient {patient} is in {inputs[seen[patient]]}, too; predict them separately"
                )
            seen[patient] = number
        before = [job for job in jobs if results.is_done(out, job[1])]
        stale = [
            (number, patient)
            for number, patient in before
            if not results.is_current(out, patient, sources[number].hash(patient), options)
        ]
        current = set(before) - set(stale)
        left = [job for job in jobs if job not in current]
        others = len(results.recorded_patients(out) - seen.keys())
        yield Work(sources, left, len(current), [patient for _, patient in stale], options, others)


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """If the disk is full, report that completed patients are kept."""
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        raise UserError(f"{out}: the disk is full; make room, and go on with --resume") from error


def _check(out: Path, model: Path, resume: bool) -> None:
    """Refuse a folder `out` that can't become, or isn't, this model's output folder."""
    check_empty(out, resume)
    if out.is_dir() and any(out.iterdir()):
        before = read_json(out / results.RUN) if (out / results.RUN).exists() else None
        if before is None or before.get("model") != digest(model):
            raise UserError(f"{out}: holds something other than results of this model; give another folder with --out")


def claim(out: Path, model: Path) -> None:
    """Mark `out` as this model's output folder; results name patients, so Git is told to ignore it."""
    out.mkdir(parents=True, exist_ok=True)
    (out / ".gitignore").write_text("*\n", encoding="utf-8")
    version = {"version": model.name} if model.parent == FETCHED else {}
    write_json(out / results.RUN, {"model": digest(model), **version})


def options_of(record: dict[str, Any]) -> Options:
    """Return how to resample volumes to slices: as for the model's training.

    Args:
        record: content of the model's layered.json; models of earlier versions lack "slices" and get the defaults.
    """
    return Options(**record.get("slices", {}))
