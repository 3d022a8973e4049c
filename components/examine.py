"""Read and check examinations one by one, in as many processes as there are to use."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from components.checks import check_slices
from components.errors import UserError
from components.problems import Problem
from components.scans.files import write_scan
from components.slices import describe
from components.sources import Source
from components.sources.reading import Options


@dataclass(frozen=True)
class Findings:
    """What one patient's examination gave: manifest rows (none where no scan could be made) and problems."""

    patient: str
    rows: list[dict[str, object]]
    problems: list[Problem]

    @property
    def usable(self) -> bool:
        """Whether there is a scan with a reference mask."""
        return bool(self.rows) and not any(problem.kind == "missing_mask" for problem in self.problems)


def examine(patient: str, source: Source, options: Options, folder: Path | None, masks: bool = True) -> Findings:
    """Read and check one patient, and write its scan into `folder`, if one is given."""
    reading = source.read(patient, options, masks)
    if reading.scan is None:
        return Findings(patient, [], reading.problems)
    rows = list(describe(reading.scan, source.synthetic))
    if folder is not None:
        write_scan(folder, reading.scan)
    return Findings(patient, rows, [*reading.problems, *check_slices(patient, rows)])


_job: Callable[[str], Findings]  # in a worker process: what to do with each patient


def _start(job: Callable[[str], Findings]) -> None:
    """Give a worker its job once, and not with every patient: it holds the list of all files."""
    global _job
    _job = job
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the parent process ends, however it does: a worker of a killed one would else wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(patient: str) -> Findings:
    return _job(patient)


def examine_all(job: Callable[[str], Findings], names: list[str], workers: int | None) -> Iterator[Findings]:
    """Yield the findings in the order of the names; `workers` None is one a processor, 1 stays in this process."""
    count = min(workers or len(os.sched_getaffinity(0)), len(names))
    if count <= 1:
        yield from map(job, names)
        return
    # Spawned and not forked: storage clients have threads, which a fork would break.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=spawn, initializer=_start, initargs=(job,)) as pool:
        try:
            yield from pool.map(_work, names)
        except BrokenProcessPool as error:
            raise UserError("ingest: a worker was killed, most likely for memory; lower ingest.workers") from error
        finally:
            pool.shutdown(cancel_futures=True)
