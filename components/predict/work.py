"""What a prediction is asked to do: inputs that are opened, and a folder for results. TensorFlow is not needed yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import UserError
from components.files import read_json, write_json
from components.predict import results
from components.predict.places import check_empty
from components.predict.reading import Job
from components.prediction import digest
from components.sources import Source
from components.sources.inputs import open_input
from components.sources.reading import Options


@dataclass(frozen=True)
class Work:
    """Opened inputs, and the patients to predict.

    Attributes:
        sources: the inputs.
        jobs: patients that are not done yet.
        skipped: patients that were done before.
    """

    sources: list[Source]
    jobs: list[Job]
    skipped: int


@contextmanager
def opened(inputs: Sequence[str], out: Path, model: Path, *, resume: bool) -> Iterator[Work]:
    """Open the inputs and the folder `out`.

    Raises:
        UserError: an input that can't be opened, a patient in two of them, results in `out` that are not to be gone
            on with, or are another model's.
    """
    _check(out, model, resume)
    with ExitStack() as stack:
        sources = [stack.enter_context(open_input(address)) for address in inputs]
        jobs = [(number, patient) for number, source in enumerate(sources) for patient in source.patients]
        seen: dict[str, int] = {}
        for number, patient in jobs:
            if patient in seen:
                raise UserError(
                    f"{inputs[number]}: patient {patient} is in {inputs[seen[patient]]}, too; predict them apart"
                )
            seen[patient] = number
        left = [job for job in jobs if not results.is_done(out, job[1])]
        yield Work(sources, left, len(jobs) - len(left))


def _check(out: Path, model: Path, resume: bool) -> None:
    """Refuse a folder `out` that can't become, or isn't, that of this model's results."""
    check_empty(out, resume)
    mine = {"model": digest(model)}
    if out.is_dir() and any(out.iterdir()):
        before = read_json(out / results.RUN) if (out / results.RUN).exists() else None
        if before != mine:
            raise UserError(f"{out}: holds something else than results of this model; give another folder with --out")


def claim(out: Path, model: Path) -> None:
    """Make the folder `out` that of this model's results."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / results.RUN, {"model": digest(model)})


def options_of(record: dict[str, Any]) -> Options:
    """How volumes are brought to slices: as they were for the model's training."""
    return Options(**record.get("slices", {}))
