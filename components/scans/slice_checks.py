"""Checks of the slices of one examination, whatever its original format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from components.common.problems import Problem, numbers
from components.scans.scan import Scan
from components.scans.slice_features import pixel_hash

Rows = Iterable[Mapping[str, Any]]


def check_slices(patient: str, rows: Rows) -> list[Problem]:
    """Find blank and duplicate slices among the manifest rows of one patient."""
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
    """Run the same checks on a scan without manifest rows."""
    rows = [{"slice": number, "pixel_hash": pixel_hash(image)} for number, image in enumerate(scan.image, start=1)]
    return check_slices(scan.patient, rows)
