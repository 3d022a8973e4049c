"""Read the scans to predict one by one; light enough for a separate process."""

from __future__ import annotations

from components.common.errors import UserError
from components.common.problems import Problem
from components.scans.slice_checks import check_scan
from components.sources import Source
from components.sources.reading import Options, Reading

WHEN = {"pre": "before", "post": "after"}
Job = tuple[int, str]  # number of the source, patient


def read_one(job: Job, sources: list[Source], options: Options) -> Reading:
    """Read a patient's scan, without masks, check it as ingest does, and hash its files."""
    number, patient = job
    try:
        reading = sources[number].read(patient, options, masks=False, hashed=True)
    except UserError as error:  # an inaccessible bucket, a vanished file
        reading = Reading(patient)
        reading.add("unreadable", patient, str(error))
    if reading.scan is not None:
        reading.problems += check_scan(reading.scan)
        absent = [name for name, is_missing in reading.scan.missing_sequences().items() if is_missing]
        if absent and not reading.has("blank"):
            what = f"no T1 {' and '.join(WHEN[name] for name in absent)} contrast agent; FLAIR stands in for it"
            reading.add("choice", patient, what, "add it if there is one")
    return reading


def lost(job: Job) -> Reading:
    """Return a stand-in for a patient whose files crashed the process that read them."""
    return Reading(job[1], None, [Problem("unreadable", job[1], job[1], "reading it crashed")])
