"""One reviewer's session: the list, the place in it, and the patients that are open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.common.errors import UserError
from components.common.files import read_json, write_json
from components.review.outlines import check_scan, read_outline
from components.review.own_scan import Opened, opened, read_own
from components.review.review_decision import OPEN
from components.review.review_errors import ReviewError
from components.review.revisions import Revisions
from components.review.worklist import Row
from components.scans.own_voxels import to_own
from components.scans.scan import Scan
from components.sources import Source

KEPT = 2  # patients held in memory: the one on the page, and the one before or after it
POSITION = "position.json"
NOTHING = "no such patient in this review"


class Session:
    """What `patient_layers` shows and `deciding` decides on.

    Args:
        source: opened scans.
        rows: the list, in order; those whose scans are not in the source are left out.
        revisions: decisions so far.
        reviewer: name of the reviewer.
        found: folder of the prediction; None if the source's own references are reviewed.
        held_out: patient to the file of the mask that a model drew without having seen the patient.
        model: digest of the model that predicted; "" for references.

    Attributes:
        lock: held while a patient is read, or a decision written.

    Raises:
        UserError: the source holds none of the patients.
    """

    def __init__(
        self,
        source: Source,
        rows: list[Row],
        revisions: Revisions,
        reviewer: str,
        *,
        found: Path | None,
        held_out: Mapping[str, Path] | None = None,
        model: str,
    ) -> None:
        self.source, self.revisions, self.reviewer, self.found, self.model = source, revisions, reviewer, found, model
        self.held_out = held_out or {}
        self.rows = [row for row in rows if row.patient in source.entries]
        if not self.rows:
            raise UserError(f"{source.tree.address}: holds none of the patients to review; give the same scans")
        self._open: OrderedDict[str, Opened] = OrderedDict()
        self._hashes: dict[str, str] = {}  # of each patient who was opened
        self.lock = threading.RLock()

    def list(self) -> dict[str, Any]:
        """The list, and what has been decided: what the page shows at its side."""
        position = self._position()
        rows = []
        for number, row in enumerate(self.rows):
            latest = self.revisions.latest(row.patient)
            state = latest.decision if latest else OPEN
            rows.append({"id": number, **vars(row), "state": state, "draft": self._has_draft(row.patient)})
        return {"patients": rows, "reviewer": self.reviewer, "position": position, "references": self.found is None}

    def go_to(self, number: int) -> None:
        """Remember where the reviewer is."""
        write_json(self.revisions.folder / POSITION, {"patient": self.row(number).patient})

    def row(self, number: int) -> Row:
        """A patient's row of the list; raises ReviewError if there is no such patient."""
        if not 0 <= number < len(self.rows):
            raise ReviewError(404, NOTHING)
        return self.rows[number]

    def open(self, number: int) -> Opened:
        """Read a patient, or return it from memory.

        Raises:
            ReviewError: there is no such patient, or its scan or its mask can't be read.
        """
        patient = self.row(number).patient
        with self.lock:
            if patient not in self._open:
                try:
                    scan = read_own(self.source, patient)
                    self._open[patient] = opened(scan, self._start(scan))
                    self._hashes[patient] = self._open[patient].hash
                except UserError as error:
                    raise ReviewError(422, str(error)) from error
            self._open.move_to_end(patient)
            while len(self._open) > KEPT:
                self._open.popitem(last=False)
            return self._open[patient]

    def _has_draft(self, patient: str) -> bool:
        """Whether something is drawn on the patient's scan; until that was opened, on any scan of that name."""
        known = self._hashes.get(patient)
        return self.revisions.draft(patient, known).exists() if known else bool(self.revisions.drafts(patient))

    def _start(self, scan: Scan) -> np.ndarray:
        """The mask to review: the model's, or the source's own."""
        if self.found is not None:
            check_scan(self.found, self.source, scan.patient)
            return read_outline(self.found / "masks", self.source, scan)
        if scan.mask is None:
            raise UserError(
                f"{scan.patient}: has no reference mask that can be read; see what `glioflow run` reports for it"
            )
        return to_own(scan, scan.mask.astype(np.uint8)) > 0

    def _position(self) -> int | None:
        path = self.revisions.folder / POSITION
        if not path.exists():
            return None
        patient = read_json(path).get("patient")
        return next((number for number, row in enumerate(self.rows) if row.patient == patient), None)
