"""One reviewer's work: the list, the patients that are open, the decisions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from components.common.errors import UserError
from components.common.files import read_json, write_json
from components.metrics.mask_scores import dice
from components.predict.probability_maps import map_path
from components.review.mask_checks import read_sent_mask
from components.review.outlines import read_outline
from components.review.own_scan import Opened, as_nifti, opened, read_own
from components.review.refusals import ReviewError
from components.review.review_decision import CORRECTED, DECISIONS, LONGEST, OPEN, REASONS, REJECTED, Decision, now
from components.review.reviewed_mask import writer
from components.review.revisions import Revisions
from components.review.worklist import Row
from components.scans.own_voxels import mask_hash, to_own
from components.scans.scan import CHANNELS, Scan
from components.sources import Source

KEPT = 2  # patients held in memory: the one on the page, and the one before or after it
POSITION = "position.json"
NOTHING = "no such patient in this review"


class Desk:
    """Everything behind the page.

    Args:
        source: opened scans.
        rows: the list, in order; those whose scans are not in the source are left out.
        revisions: decisions so far.
        reviewer: name of the reviewer.
        found: folder of the prediction; None if the source's own references are reviewed.
        model: digest of the model that predicted; "" for references.

    Raises:
        UserError: the source holds none of the patients.
    """

    def __init__(
        self, source: Source, rows: list[Row], revisions: Revisions, reviewer: str, *, found: Path | None, model: str
    ) -> None:
        self.source, self.revisions, self.reviewer, self.found, self.model = source, revisions, reviewer, found, model
        self.rows = [row for row in rows if row.patient in source.entries]
        if not self.rows:
            raise UserError(f"{source.tree.address}: holds none of the patients to review; give the same scans")
        self._open: OrderedDict[str, Opened] = OrderedDict()
        self._lock = threading.RLock()  # one patient is read at a time, and one decision written

    def list(self) -> dict[str, Any]:
        """The list, and what has been decided: what the page shows at its side."""
        position = self._position()
        rows = []
        for number, row in enumerate(self.rows):
            latest = self.revisions.latest(row.patient)
            state = latest.decision if latest else OPEN
            draft = self.revisions.draft(row.patient).exists()
            rows.append({"id": number, **vars(row), "state": state, "draft": draft})
        return {"patients": rows, "reviewer": self.reviewer, "position": position, "references": self.found is None}

    def go_to(self, number: int) -> None:
        """Remember where the reviewer is."""
        write_json(self.revisions.folder / POSITION, {"patient": self._row(number).patient})

    def details(self, number: int) -> dict[str, Any]:
        """What the page has to know to show a patient.

        Raises:
            ReviewError: there is no such patient, or its scan can't be read.
        """
        row, seen = self._row(number), self.open(number)
        latest = self.revisions.latest(row.patient)
        geometry = seen.geometry
        missing = seen.scan.missing_sequences()
        return {
            "id": number,
            "patient": row.patient,
            "scan": seen.hash,
            "shape": list(geometry.shape),
            "voxel_ml": abs(float(np.linalg.det(geometry.affine[:3, :3]))) / 1000 if seen.scan.source else None,
            "sequences": [name for name in CHANNELS if not missing.get(name)],
            "reference": seen.reference is not None and self.found is not None,
            "probability": self._probability(row.patient) is not None,
            "draft": self.revisions.draft(row.patient).exists(),
            "decisions": [one.row() for one in self.revisions.decisions.get(row.patient, [])],
            "state": latest.decision if latest else OPEN,
            "revision": latest.revision if latest else 0,
        }

    def layer(self, number: int, name: str) -> bytes:
        """A layer as NIfTI: a sequence, "start", "reference", "probability", or "drawn".

        "drawn" is what the page draws on: the draft, else the last decision's mask, else the start.

        Raises:
            ReviewError: there is no such patient, or it has no such layer.
        """
        row, seen = self._row(number), self.open(number)
        affine = seen.geometry.affine
        if name in CHANNELS:
            return as_nifti(seen.sequence(name), affine)
        if name == "start":
            return as_nifti(seen.start, affine)
        if name == "drawn":
            return as_nifti(self._drawn(row.patient, seen), affine)
        if name == "reference" and (reference := seen.reference) is not None:
            return as_nifti(reference, affine)
        if name == "probability" and (path := self._probability(row.patient)):
            picture = nib.load(path)
            return as_nifti(np.asarray(picture.dataobj), picture.affine)
        raise ReviewError(404, "the patient has no such layer")

    def open(self, number: int) -> Opened:
        """Read a patient, or return it from memory.

        Raises:
            ReviewError: there is no such patient, or its scan or its mask can't be read.
        """
        patient = self._row(number).patient
        with self._lock:
            if patient not in self._open:
                try:
                    scan = read_own(self.source, patient)
                    self._open[patient] = opened(scan, self._start(scan))
                except UserError as error:
                    raise ReviewError(422, str(error)) from error
            self._open.move_to_end(patient)
            while len(self._open) > KEPT:
                self._open.popitem(last=False)
            return self._open[patient]

    def keep_draft(self, number: int, body: bytes | bytearray, scan: str) -> None:
        """Keep what is drawn so far; raises ReviewError as `decide` does."""
        row, seen = self._row(number), self.open(number)
        mask = self._checked(seen, body, scan)
        with self._lock:
            path = self.revisions.draft(row.patient)
            path.parent.mkdir(parents=True, exist_ok=True)
            writer(seen.scan, mask)(path)

    def drop_draft(self, number: int) -> None:
        """Forget what is drawn and not decided."""
        self.revisions.draft(self._row(number).patient).unlink(missing_ok=True)

    def decide(
        self, number: int, decision: str, *, scan: str, base: int, seconds: float, reason: str, body: bytes | bytearray
    ) -> dict[str, Any]:
        """Keep a decision.

        Args:
            number: patient's place in the list.
            decision: one of `DECISIONS`.
            scan: `Opened.hash` of the scan that was looked at.
            base: revision that the page showed, 0 for none.
            seconds: time spent.
            reason: one of `REASONS` for a rejection, else "".
            body: mask of a correction, see `read_sent_mask`; empty otherwise.

        Returns:
            state, revision, and `note`: what did not work although the decision is kept.

        Raises:
            ReviewError: anything of that does not fit; nothing is kept.
            UserError: the decision can't be written; nothing is kept.
        """
        row, seen = self._row(number), self.open(number)
        if decision not in DECISIONS or (reason in REASONS) != (decision == REJECTED):
            raise ReviewError(422, f"a rejection needs a reason, of {', '.join(REASONS)}; nothing was saved")
        if (decision == CORRECTED) != bool(body):
            raise ReviewError(422, "a correction needs a mask, and nothing else has one; nothing was saved")
        if not 0 <= seconds <= LONGEST:
            raise ReviewError(422, "the time spent is not 0 to 86400 s; nothing was saved")
        mask = self._checked(seen, body, scan) if decision == CORRECTED else self._same_scan(seen, scan).start
        if decision == CORRECTED and np.array_equal(mask, seen.start):
            raise ReviewError(422, "nothing was changed; accept the mask instead. Nothing was saved")
        with self._lock:
            latest = self.revisions.latest(row.patient)
            revision = latest.revision if latest else 0
            if base != revision:
                raise ReviewError(409, "the patient was decided on meanwhile; open it again. Nothing was saved")
            kept = decision != REJECTED
            made = Decision(
                row.patient, revision + 1, decision, self.reviewer, now(), round(seconds, 1), reason, seen.hash,
                self.model, mask_hash(seen.start), mask_hash(mask) if kept else "",
                round(dice(seen.start, mask), 6) if kept else None,
            )  # fmt: skip
            self.revisions.add(made, writer(seen.scan, mask) if kept else None)
            note = ""
            try:
                self.revisions.write_table()
            except UserError as error:
                note = f"the decision is kept; {error}"
        return {"state": decision, "revision": made.revision, "note": note}

    def _row(self, number: int) -> Row:
        if not 0 <= number < len(self.rows):
            raise ReviewError(404, NOTHING)
        return self.rows[number]

    def _start(self, scan: Scan) -> np.ndarray:
        """The mask to review: the model's, or the source's own."""
        if self.found is not None:
            return read_outline(self.found / "masks", self.source, scan)
        if scan.mask is None:
            raise UserError(
                f"{scan.patient}: has no reference mask that can be read; see what `glioflow run` says of it"
            )
        return to_own(scan, scan.mask.astype(np.uint8)) > 0

    def _drawn(self, patient: str, seen: Opened) -> np.ndarray:
        """What the page draws on; a draft or mask that does not fit the scan any more is passed over."""
        latest = self.revisions.latest(patient)
        kept = [self.revisions.draft(patient)]
        kept += [self.revisions.mask_of(latest)] if latest and latest.decision == CORRECTED else []
        for path in kept:
            if path.exists():
                mask = np.asarray(nib.load(path).dataobj) > 0
                if mask.shape == seen.geometry.shape:
                    return mask
        return seen.start

    def _probability(self, patient: str) -> Path | None:
        path = None if self.found is None else map_path(self.found, patient)
        return path if path and path.is_file() else None

    def _checked(self, seen: Opened, body: bytes | bytearray, scan: str) -> np.ndarray:
        return read_sent_mask(body, self._same_scan(seen, scan).geometry)

    def _same_scan(self, seen: Opened, scan: str) -> Opened:
        if scan != seen.hash:
            raise ReviewError(409, "that is of another scan than this patient's; open it again. Nothing was saved")
        return seen

    def _position(self) -> int | None:
        path = self.revisions.folder / POSITION
        if not path.exists():
            return None
        patient = read_json(path).get("patient")
        return next((number for number, row in enumerate(self.rows) if row.patient == patient), None)
