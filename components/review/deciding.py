"""What the reviewer draws and decides: drafts, and decisions that are checked and kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.common.errors import UserError
from components.metrics.mask_scores import dice
from components.review.mask_checks import read_sent_mask
from components.review.own_scan import Opened
from components.review.review_decision import CORRECTED, DECISIONS, LONGEST, REASONS, REJECTED, Decision, now
from components.review.review_errors import ReviewError
from components.review.reviewed_mask import writer
from components.review.session import Session
from components.scans.own_voxels import mask_hash


def keep_draft(session: Session, number: int, body: bytes | bytearray, scan: str) -> None:
    """Keep what is drawn so far; raises ReviewError as `decide` does."""
    row, seen = session.row(number), session.open(number)
    mask = _checked(seen, body, scan)
    with session.lock:
        path = session.revisions.draft(row.patient, seen.hash)
        path.parent.mkdir(parents=True, exist_ok=True)
        writer(seen.scan, mask)(path)


def drop_draft(session: Session, number: int) -> None:
    """Forget what is drawn on this scan and not decided; raises ReviewError if the scan can't be read."""
    row, seen = session.row(number), session.open(number)
    session.revisions.draft(row.patient, seen.hash).unlink(missing_ok=True)


def decide(
    session: Session,
    number: int,
    decision: str,
    *,
    scan: str,
    base: int,
    seconds: float,
    reason: str,
    body: bytes | bytearray,
) -> dict[str, Any]:
    """Keep a decision.

    Args:
        session: the review.
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
        ReviewError: any of these does not fit; nothing is kept.
        UserError: the decision can't be written; nothing is kept.
    """
    row, seen = session.row(number), session.open(number)
    if decision not in DECISIONS or (reason in REASONS) != (decision == REJECTED):
        raise ReviewError(422, f"a rejection needs a reason, of {', '.join(REASONS)}; nothing was saved")
    if (decision == CORRECTED) != bool(body):
        raise ReviewError(422, "a correction needs a mask, and nothing else has one; nothing was saved")
    if not 0 <= seconds <= LONGEST:
        raise ReviewError(422, "the time spent is not 0 to 86400 s; nothing was saved")
    mask = _checked(seen, body, scan) if decision == CORRECTED else _same_scan(seen, scan).start
    if decision == CORRECTED and np.array_equal(mask, seen.start):
        raise ReviewError(422, "nothing was changed; accept the mask instead. Nothing was saved")
    with session.lock:
        latest = session.revisions.latest(row.patient)
        revision = latest.revision if latest else 0
        if base != revision:
            raise ReviewError(409, "the patient was decided on meanwhile; open it again. Nothing was saved")
        kept = decision != REJECTED
        made = Decision(
            row.patient, revision + 1, decision, session.reviewer, now(), round(seconds, 1), reason, seen.hash,
            session.model, mask_hash(seen.start), mask_hash(mask) if kept else "",
            round(dice(seen.start, mask), 6) if kept else None,
        )  # fmt: skip
        session.revisions.add(made, writer(seen.scan, mask) if kept else None)
        note = ""
        try:
            session.revisions.write_table()
        except UserError as error:
            note = f"the decision is kept; {error}"
    return {"state": decision, "revision": made.revision, "note": note}


def _checked(seen: Opened, body: bytes | bytearray, scan: str) -> np.ndarray:
    return read_sent_mask(body, _same_scan(seen, scan).geometry)


def _same_scan(seen: Opened, scan: str) -> Opened:
    if scan != seen.hash:
        raise ReviewError(409, "that belongs to a scan other than this patient's; open it again. Nothing was saved")
    return seen
