"""The folder of a review: one folder per decision, written in one rename and never overwritten.

`revisions/<patient>/<number>/` holds decision.json and, unless the patient was rejected, mask.nii.gz in the source's
own voxels. `drafts/<patient>/<scan_hash>.nii.gz` is what is drawn on that scan and not yet decided. reviews.csv is made
from the revisions.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

from components.common.errors import UserError
from components.common.files import atomic_file, atomic_folder, write_json
from components.review.review_decision import COLUMNS, Decision

TABLE = "reviews.csv"
DECISION, MASK = "decision.json", "mask.nii.gz"


class Revisions:
    """All decisions in a folder.

    Args:
        folder: folder of the review.

    Attributes:
        decisions: every decision by patient, oldest first.

    Raises:
        UserError: a decision in the folder is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.decisions: dict[str, list[Decision]] = {}
        for path in sorted((folder / "revisions").glob(f"*/[0-9]*/{DECISION}")):
            decision = _read(path)
            self.decisions.setdefault(decision.patient, []).append(decision)

    def latest(self, patient: str) -> Decision | None:
        """The decision that counts: a patient's last one."""
        return self.decisions.get(patient, [None])[-1]

    def mask_of(self, decision: Decision) -> Path:
        """File of the mask that was decided on."""
        return self._place(decision) / MASK

    def draft(self, patient: str, scan: str) -> Path:
        """File of the mask that is being drawn on the scan of that `scan_hash`; it may not exist."""
        return self.folder / "drafts" / patient / f"{scan}.nii.gz"

    def drafts(self, patient: str) -> list[Path]:
        """Files of all that is drawn under a patient's name and not decided, on whichever scan."""
        place = self.folder / "drafts"
        unhashed = place / f"{patient}.nii.gz"  # as earlier versions named them
        return [*([unhashed] if unhashed.exists() else []), *sorted((place / patient).glob("[!.]*.nii.gz"))]

    def add(self, decision: Decision, write_mask: Callable[[Path], None] | None) -> None:
        """Keep a decision for good, with its mask; when this returns, it has reached the disk.

        Args:
            decision: decision, whose revision follows the patient's latest.
            write_mask: writer of the mask to a path; None for a rejection.

        Raises:
            UserError: it can't be written; nothing is kept.
        """
        place = self._place(decision)
        if place.exists():
            raise UserError(f"{place}: is there already; start the review again")
        with atomic_folder(place) as part:
            if write_mask:
                write_mask(part / MASK)
            write_json(part / DECISION, decision.row())
            for path in (*part.iterdir(), part):
                _reach_disk(path)
        _reach_disk(place.parent)
        self.decisions.setdefault(decision.patient, []).append(decision)
        self.draft(decision.patient, decision.scan).unlink(missing_ok=True)

    def write_table(self) -> None:
        """Write reviews.csv: every decision, in the order of time."""
        rows = sorted((one for several in self.decisions.values() for one in several), key=lambda one: one.utc)
        with atomic_file(self.folder / TABLE) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(one.row() for one in rows)

    def _place(self, decision: Decision) -> Path:
        return self.folder / "revisions" / decision.patient / f"{decision.revision:04d}"


def _read(path: Path) -> Decision:
    try:
        return Decision(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: not a decision of a review; restore it, or take its folder out") from error


def _reach_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
