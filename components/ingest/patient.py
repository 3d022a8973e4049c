"""Read and check patients, in worker processes if there are several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from components.common.errors import UserError
from components.common.problems import Problem
from components.io.process_pool import in_order
from components.scans.scan_files import write_scan
from components.scans.slice_checks import check_slices
from components.scans.slice_features import describe
from components.sources import Source
from components.sources.reading import Options
from components.sources.review_table import Reviewed


@dataclass(frozen=True)
class PatientCheck:
    """Result of reading and checking one patient: manifest rows (none if no scan could be built) and problems."""

    patient: str
    rows: list[dict[str, object]]
    problems: list[Problem]

    @property
    def usable(self) -> bool:
        """Whether the patient has a scan with a reference mask."""
        return bool(self.rows) and not any(problem.kind == "missing_mask" for problem in self.problems)


def read_and_check(
    patient: str, source: Source, options: Options, folder: Path | None, masks: bool = True
) -> PatientCheck:
    """Read and check one patient, and write its scan into `folder` if one is given."""
    reading = source.read(patient, options, masks)
    if reading.scan is None:
        return PatientCheck(patient, [], reading.problems)
    review = vars(source.reviewed.get(patient, Reviewed()))
    rows = [{**row, **review} for row in describe(reading.scan, source.synthetic)]
    if folder is not None:
        write_scan(folder, reading.scan)
    return PatientCheck(patient, rows, [*reading.problems, *check_slices(patient, rows)])


def check_all(job: Callable[[str], PatientCheck], names: list[str], workers: int | None) -> Iterator[PatientCheck]:
    """Yield the results in the order of the names.

    Args:
        job: function of a patient's name.
        names: names of the patients.
        workers: number of worker processes; None for one per processor, 1 to stay in this process.

    Raises:
        UserError: a worker was killed.
    """
    count = min(workers or len(os.sched_getaffinity(0)), len(names))
    if count <= 1:
        yield from map(job, names)
        return
    try:
        yield from in_order(job, names, count)
    except BrokenProcessPool as error:
        raise UserError("ingest: a worker was killed, most likely for lack of memory; lower ingest.workers") from error
