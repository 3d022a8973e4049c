"""What a reviewer can decide, and what is kept of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

OPEN, ACCEPTED, CORRECTED, REJECTED = "open", "accepted", "corrected", "rejected"
DECISIONS = (ACCEPTED, CORRECTED, REJECTED)
REASONS = ("unreadable", "not a brain", "other disease", "unsure")
LONGEST = 24 * 3600  # seconds at one patient that are counted


@dataclass(frozen=True)
class Decision:
    """One row of reviews.csv.

    Attributes:
        patient: name of the examination.
        revision: number, from 1 on, of the patient's decisions.
        decision: one of `DECISIONS`.
        reviewer: name given at the start of the review.
        utc: time of the decision, to the second.
        seconds: time spent at the patient, 0 to a day.
        reason: one of `REASONS` for a rejection, else "".
        scan: `components.scans.own_voxels.scan_hash`.
        model: digest of the model that drew the mask, "" if the review began from references.
        before: `mask_hash` of the mask that the review began from.
        after: `mask_hash` of the mask that was decided on, "" for a rejection.
        dice: 0..1, between the two; None for a rejection.
    """

    patient: str
    revision: int
    decision: str
    reviewer: str
    utc: str
    seconds: float
    reason: str
    scan: str
    model: str
    before: str
    after: str
    dice: float | None

    def row(self) -> dict[str, Any]:
        """The decision as a row of a table, or as JSON."""
        return asdict(self)


COLUMNS = tuple(Decision.__dataclass_fields__)


def now() -> str:
    """The time in UTC, to the second: 2026-01-31T12:00:00Z."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
