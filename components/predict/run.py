"""Predict on this machine: one process reads ahead, this one runs the model, and a thread of it writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import tensorflow as tf
from tqdm import tqdm

from components.errors import UserError
from components.files import read_json, write_json
from components.predict import results
from components.predict.detector import Detector, Found
from components.predict.reading import Job, lost, read_one
from components.prediction import digest, read_record
from components.sources import Source
from components.sources.inputs import open_input
from components.sources.reading import Options, Reading
from components.workers import in_order


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


@dataclass(frozen=True)
class Seen:
    """What came of a patient.

    Attributes:
        found: None where the scan could not be read, or the model failed on it; `notes` tell why.
        refer_at: the doubt from which a human looks first.
    """

    reading: Reading
    found: Found | None
    notes: list[str]
    refer_at: float = 0.0


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
    mine = {"model": digest(model)}
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; give a folder with --out")
    if out.is_dir() and any(out.iterdir()):
        if not resume:
            raise UserError(f"{out}: is not empty; go on with --resume, or give another folder with --out")
        before = read_json(out / results.RUN) if (out / results.RUN).exists() else None
        if before != mine:
            raise UserError(f"{out}: holds something else than results of this model; give another folder with --out")


def claim(out: Path, model: Path) -> None:
    """Make the folder `out` that of this model's results, which name patients: Git is told to leave it alone."""
    out.mkdir(parents=True, exist_ok=True)
    (out / ".gitignore").write_text("*\n", encoding="utf-8")
    write_json(out / results.RUN, {"model": digest(model)})


def options_of(record: dict[str, Any]) -> Options:
    """How volumes are brought to slices: as they were for the model's training."""
    return Options(**record.get("slices", {}))


def predict(work: Work, out: Path, model: Path, *, doubt: bool, overlays: bool) -> None:
    """Predict patient by patient. What can't be read or predicted is recorded as failed, and the next one follows.

    While the model looks at one patient, the next is being read in another process, and the one before written in
    another thread; no more than that wait, so memory does not grow with the number of patients.
    """
    with ThreadPoolExecutor(1) as aside:
        loading = aside.submit(Detector, model, doubt)
        reader = partial(read_one, sources=work.sources, options=options_of(read_record(model)))
        readings = in_order(reader, work.jobs, 1, lost)
        first = list(islice(readings, 1))  # starts the reader while the model loads
        detector = loading.result()
        claim(out, model)
        shown = tqdm(chain(first, readings), "predict", len(work.jobs), unit="patient", disable=not work.jobs)
        writing: Future[None] | None = None
        for (number, _), reading in zip(work.jobs, shown, strict=True):
            seen = look(reading, detector)
            if writing:
                writing.result()
            writing = aside.submit(write, out, work.sources[number], seen, overlays=overlays)
        if writing:
            writing.result()


def look(reading: Reading, detector: Detector) -> Seen:
    """Let the model look at a scan that was read."""
    notes = [str(problem) for problem in reading.problems]
    if reading.scan is None:
        return Seen(reading, None, notes)
    try:
        return Seen(reading, detector(reading.scan), notes, detector.refer_at)
    except tf.errors.OpError as error:
        return Seen(reading, None, [*notes, f"the model fails on it ({type(error).__name__})"])


def write(out: Path, source: Source, seen: Seen, *, overlays: bool) -> None:
    """Write what the model said about a patient, or record why it said nothing."""
    scan, found = seen.reading.scan, seen.found
    if scan is None or found is None:
        results.write_failure(out, seen.reading.patient, seen.notes)
        return
    try:
        results.write_patient(out, source, scan, found, notes=seen.notes, refer_at=seen.refer_at, overlays=overlays)
    except UserError as error:
        results.write_failure(out, seen.reading.patient, [*seen.notes, str(error)])
