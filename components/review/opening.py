"""Open a review: check what it is about, hold its folder, and find out whom to review."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.common.errors import UserError
from components.common.files import read_json
from components.predict.results import RUN
from components.review.claim import check_reviewer, claimed
from components.review.revisions import Revisions
from components.review.session import Session
from components.review.worklist import held_out, held_out_masks, predicted
from components.sources.inputs import open_input

PREDICTION, REFERENCES = "prediction", "references"


@dataclass(frozen=True)
class Task:
    """What to review.

    Attributes:
        found: folder that `glioflow predict --doubt` wrote, or with `references` the table of a cross-validation.
        scans: address of the scans.
        out: folder of the review.
        reviewer: name of the reviewer.
        references: whether the source's own masks are reviewed.
        folds: with `references`, folder of the cross-validation's predictions, one for each fold; may be absent.
    """

    found: Path
    scans: str
    out: Path
    reviewer: str
    references: bool
    folds: Path | None = None


@contextmanager
def open_review(task: Task) -> Iterator[Session]:
    """Yield the session of a review, and hold its folder meanwhile.

    Raises:
        UserError: what is to be reviewed is not there or does not fit, or somebody else is reviewing.
    """
    reviewer = check_reviewer(task.reviewer)
    rows = held_out(task.found) if task.references else predicted(task.found)
    model = "" if task.references else _model(task.found)
    record = {"kind": REFERENCES if task.references else PREDICTION, "model": model, "scans": task.scans}
    with open_input(task.scans) as source, claimed(task.out, record, reviewer):
        revisions = Revisions(task.out)
        if task.references:
            drawn = held_out_masks(task.found, task.folds) if task.folds else {}
            session = Session(source, rows, revisions, reviewer, found=None, held_out=drawn, model=model)
        else:
            session = Session(source, rows, revisions, reviewer, found=task.found, model=model)
        revisions.write_table()
        yield session


def _model(found: Path) -> str:
    """Digest of the model that predicted."""
    record = read_json(found / RUN)
    if not isinstance(record.get("model"), str):
        raise UserError(f"{found / RUN}: names no model; predict again")
    return record["model"]
