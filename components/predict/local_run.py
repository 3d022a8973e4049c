"""Predict on this machine: one process reads ahead, this one runs the model, and one of its threads writes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.system import DiskFullError
from components.io.process_pool import in_order
from components.layered.engine import ModelFailedError
from components.layered.record import read_record
from components.predict import results
from components.predict.checked_reading import lost, read_one
from components.predict.detector import Detection, Detector
from components.predict.run_options import RunOptions
from components.predict.throughput import Throughput
from components.predict.work import Work, claim, options_of
from components.sources import Source
from components.sources.reading import Reading


@dataclass(frozen=True)
class PatientResult:
    """Result for a patient.

    Attributes:
        reading: scan as read, and the problems found.
        detection: prediction; None if the scan could not be read, or the model failed on it.
        notes: problems of the scan, and why there is no prediction.
        refer_at: lowest doubt at which a human should look first.
        read_with: `Options` with which the scan was read.
    """

    reading: Reading
    detection: Detection | None
    notes: list[str]
    refer_at: float = 0.0
    read_with: Mapping[str, Any] = field(default_factory=dict)


def predict(work: Work, out: Path, model: Path) -> None:
    """Predict patient by patient; one that can't be read or predicted is recorded as failed, and the next one follows.

    While the model is loaded, another process reads the first two patients. While it runs on one patient, that process
    reads the next, and a thread writes the previous one. No more is queued, so memory does not grow with the number of
    patients.

    Args:
        work: opened inputs, and the patients to predict.
        out: output folder.
        model: folder of the model.

    Raises:
        UserError: the model is missing or damaged, or `out` can't be written.
    """
    reader = partial(read_one, sources=work.sources, options=options_of(read_record(model)))
    with closing(in_order(reader, work.jobs, 1, lost)) as readings, ThreadPoolExecutor(1) as executor:
        first = executor.submit(lambda: list(islice(readings, 1)))  # starts that process
        detector = Detector(model, work.options.doubt, work.options.engine)
        claim(out, model)
        results.discard(out, (patient for _, patient in work.jobs))
        writing: Future[None] | None = None
        with Throughput(len(work.jobs)) as throughput:
            for (number, _), reading in zip(work.jobs, chain(first.result(), readings), strict=True):
                result = predict_patient(reading, detector)
                if writing:
                    writing.result()
                writing = executor.submit(write, out, work.sources[number], result, work.options)
                throughput.patient(len(reading.scan.image) if reading.scan else 0)
            if writing:
                writing.result()


def predict_patient(reading: Reading, detector: Detector) -> PatientResult:
    """Run the model on a scan that was read."""
    notes = [str(problem) for problem in reading.problems]
    if reading.scan is None:
        return PatientResult(reading, None, notes)
    try:
        found = detector(reading.scan)
    except ModelFailedError as error:
        return PatientResult(reading, None, [*notes, f"the model fails on it ({error})"])
    return PatientResult(reading, found, notes, detector.refer_at, detector.record.get("slices", {}))


def write(out: Path, source: Source, result: PatientResult, options: RunOptions) -> None:
    """Write the prediction for a patient, or record why there is none."""
    scan, detection = result.reading.scan, result.detection
    if scan is None or detection is None:
        results.write_failure(out, result.reading.patient, result.notes)
        return
    try:
        results.write_patient(
            out,
            source,
            scan,
            detection,
            notes=result.notes,
            refer_at=result.refer_at,
            options=options,
            files=result.reading.files,
            read_with=result.read_with,
        )
    except DiskFullError:  # the next patient could not be written either
        raise
    except UserError as error:
        results.write_failure(out, result.reading.patient, [*result.notes, str(error)])
