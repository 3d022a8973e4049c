"""Images shared by two persons."""

from __future__ import annotations

from components.common.problems import Problem, numbers
from components.scans.slice_checks import Rows


class Duplicates:
    """Finds images shared by two persons; keeps one hash per accepted slice."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[str, str]] = {}

    def add(self, rows: Rows) -> None:
        """Remember the rows of an accepted patient."""
        for row in rows:
            self.seen.setdefault(row["pixel_hash"], (row["patient"], row["subject"]))

    def check(self, rows: Rows) -> list[Problem]:
        """Compare one patient's rows with those remembered: at most one problem per patient with shared images."""
        shared: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            patient, subject = self.seen.get(row["pixel_hash"], ("", row["subject"]))
            if row["pixel_hash"] and subject != row["subject"]:
                shared.setdefault((row["patient"], patient), []).append(row["slice"])
        return [
            Problem(
                "duplicate_patient", patient, patient, f"slice {numbers(found)} has the same pixels as one of {other}"
            )
            for (patient, other), found in shared.items()
        ]
