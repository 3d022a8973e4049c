"""Predict on this machine: one process reads ahead, this one runs the model, and one of its threads writes."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

from components.common.errors import UserError
from components.common.system import DiskFullError
from components.io.process_pool import in_order
from components.layered.engine import ModelFailedError
from components.layered.record import read_record
from components.predict import results
from components.predict.checked_reading import lost, read_one
from components.predict.detector import Detector, Found
from components.predict.pace import Pace
from components.predict.work import Work, claim, options_of
from components.sources import Source
from components.sources.reading import Reading


@dataclass(frozen=True)
class Seen:
    """Result for a patient.

    Attributes:
        found: prediction; None if the scan could not be read, or the model failed on it; `notes` say why.
        refer_at: lowest doubt at which a human should look first.
    """

    reading: Reading
    found: Found | None
    notes: list[str]
    refer_at: float = 0.0


def predict(work: Work, out: Path, model: Path, *, engine: str | None = None, doubt: bool, overlays: bool) -> None:
    """Predict patient by patient; one that can't be read or predicted is recorded as failed, and the next one follows.

    While the model is loaded or runs on one patient, another process reads the next, and another thread writes the
    previous one; no more than that is queued, so memory does not grow with the number of patients.
    """
    reader = partial(read_one, sources=work.sources, options=options_of(read_record(model)))
    with closing(in_order(reader, work.jobs, 1, lost)) as readings, ThreadPoolExecutor(1) as aside:
        first = aside.submit(lambda: list(islice(readings, 1)))  # starts that process
        detector = Detector(model, doubt, engine)
        claim(out, model)
        writing: Future[None] | None = None
        with Pace(len(work.jobs)) as pace:
            for (number, _), reading in zip(work.jobs, chain(first.result(), readings), strict=True):
                seen = predict_patient(reading, detector)
                if writing:
                    writing.result()
                writing = aside.submit(write, out, work.sources[number], seen, overlays=overlays)
                pace.patient(len(reading.scan.image) if reading.scan else 0)
            if writing:
                writing.result()


def predict_patient(reading: Reading, detector: Detector) -> Seen:
    """Run the model on a scan that was read."""
    notes = [str(problem) for problem in reading.problems]
    if reading.scan is None:
        return Seen(reading, None, notes)
    try:
        return Seen(reading, detector(reading.scan), notes, detector.refer_at)
    except ModelFailedError as error:
        return Seen(reading, None, [*notes, f"the model fails on it ({error})"])


def write(out: Path, source: Source, seen: Seen, *, overlays: bool) -> None:
    """Write the prediction for a patient, or record why there is none."""
    scan, found = seen.reading.scan, seen.found
    if scan is None or found is None:
        results.write_failure(out, seen.reading.patient, seen.notes)
        return
    try:
        results.write_patient(out, source, scan, found, notes=seen.notes, refer_at=seen.refer_at, overlays=overlays)
    except DiskFullError:  # the next patient could not be written either
        raise
    except UserError as error:
        results.write_failure(out, seen.reading.patient, [*seen.notes, str(error)])
