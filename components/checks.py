"""Checks of a whole examination, whatever format it came in, and across examinations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from components.problems import Problem, numbers
from components.scans.scan import Scan
from components.slices import pixel_hash

Rows = Iterable[Mapping[str, Any]]


def check_slices(patient: str, rows: Rows) -> list[Problem]:
    """Find blank slices, and slices that are there twice, among the manifest rows of one patient."""
    seen: dict[str, int] = {}
    blank, problems = [], []
    for row in rows:
        if not row["pixel_hash"]:
            blank.append(row["slice"])
        elif row["pixel_hash"] in seen:
            what = f"slices {seen[row['pixel_hash']]} and {row['slice']} have the same pixels"
            problems.append(Problem("duplicate_slice", patient, patient, what))
        seen.setdefault(row["pixel_hash"], row["slice"])
    if blank:
        problems.append(Problem("blank", patient, patient, f"nothing on slice {numbers(blank)}"))
    return problems


def check_scan(scan: Scan) -> list[Problem]:
    """The same of a scan that no manifest rows were made of."""
    rows = [{"slice": number, "pixel_hash": pixel_hash(image)} for number, image in enumerate(scan.image, start=1)]
    return check_slices(scan.patient, rows)


class Duplicates:
    """Finds pictures that two persons share; keeps one hash a slice of those that were taken."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[str, str]] = {}

    def add(self, rows: Rows) -> None:
        """Remember the rows of a patient that was taken."""
        for row in rows:
            self.seen.setdefault(row["pixel_hash"], (row["patient"], row["subject"]))

    def check(self, rows: Rows) -> list[Problem]:
        """Compare the rows of one patient with those remembered: at most one problem for each patient shared with."""
        shared: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            patient, subject = self.seen.get(row["pixel_hash"], ("", row["subject"]))
            if row["pixel_hash"] and subject != row["subject"]:
                shared.setdefault((row["patient"], patient), []).append(row["slice"])
        return [
            Problem(
                "duplicate_patient", patient, patient, f"slice {numbers(found)} has the pixels of a slice of {other}"
            )
            for (patient, other), found in shared.items()
        ]
