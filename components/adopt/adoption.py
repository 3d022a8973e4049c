"""Bring reviewed scans and masks into a source: a copy is changed, read back, and put in the source's place."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from components.adopt.outline_files import put_reference
from components.adopt.review_rows import check_splits, count_replaced, references, rows_for
from components.adopt.reviewed_masks import check_scan, kept, mask_for, record_of
from components.common.errors import UserError
from components.common.exchange import next_version
from components.common.files import atomic_file
from components.review.claim import claimed
from components.review.opening import PREDICTION
from components.review.own_scan import OWN, read_own
from components.review.review_decision import ACCEPTED, COLUMNS, CORRECTED, Decision
from components.review.revisions import Revisions
from components.sources import Source, demo, open_source, review_table
from components.sources.inputs import open_input

ADDED = ("review", "began", "train_only")


@dataclass(frozen=True)
class Adopted:
    """What was adopted.

    Attributes:
        name: name of the review.
        accepted, corrected: masks.
        new: patients who were not in the source before.
        train_only: masks that began as a model's outline where there was no reference.
        replaced_in_test: references of test patients in whose place another mask is now.
    """

    name: str
    accepted: int
    corrected: int
    new: int
    train_only: int
    replaced_in_test: int


def adopt(
    reviewed: Path,
    into: Path,
    *,
    scans: str | None = None,
    test_too: bool = False,
    splits: Mapping[str, str] | None = None,
) -> Adopted:
    """Write the accepted and corrected masks of a review, and new patients' scans, into a source.

    Args:
        reviewed: folder of the review.
        into: folder of the source; may be absent or empty.
        scans: address of the scans, if they are not where they were reviewed.
        test_too: whether new patients may be tested on, although their masks began as a model's outline.
        splits: split of each person in the last run.

    Raises:
        UserError: nothing is left to adopt, or something does not fit; the source is as it was.
    """
    record = record_of(reviewed)
    address = scans or record["scans"]
    with ExitStack() as stack:
        stack.enter_context(claimed(reviewed, record, "glioflow adopt"))
        source = stack.enter_context(open_input(address))
        before = stack.enter_context(open_source(into)) if into.is_dir() and any(into.iterdir()) else None
        old = review_table.rows_of(before.tree, before.home) if before else []
        revisions = Revisions(reviewed)
        decisions = kept(revisions, old)
        if not decisions:
            raise UserError(f"{reviewed}: holds no accepted or corrected mask that {into} lacks; review some first")
        _check_fit(source, before, decisions, into, address)
        masks, earlier = references(before, decisions), before.reviewed if before else {}
        rows = rows_for(decisions, masks, earlier, began_as_model=record["kind"] == PREDICTION, test_too=test_too)
        check_splits(rows, splits or {})
        with next_version(into) as part:
            _fill(part, into, source, before, decisions, revisions, [*old, *rows])
    return Adopted(
        name=rows[0]["review"],
        accepted=sum(one.decision == ACCEPTED for one in decisions),
        corrected=sum(one.decision == CORRECTED for one in decisions),
        new=sum(before is None or one.patient not in before.entries for one in decisions),
        train_only=sum(row["train_only"] for row in rows),
        replaced_in_test=count_replaced(rows, masks, splits or {}),
    )


def _check_fit(source: Source, before: Source | None, decisions: Sequence[Decision], into: Path, address: str) -> None:
    lacking = [one.patient for one in decisions if one.patient not in source.entries]
    if lacking:
        raise UserError(f"{address}: lacks {lacking[0]}, who was reviewed; say with --scans where the scans are")
    if before is None:
        return
    if before.reader is not source.reader:
        raise UserError(
            f"{into}: is in a different format from {address}, and a source has only one; a conversion would change "
            "grey values and positions, so convert the scans first and review those, or adopt into a source of their "
            "format"
        )
    if before.synthetic != source.synthetic:
        raise UserError(f"{into}: synthetic and real patients must not be mixed; adopt into another source")


def _fill(
    part: Path,
    into: Path,
    source: Source,
    before: Source | None,
    decisions: Sequence[Decision],
    revisions: Revisions,
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Change the copy, and check that its reader finds in it what was decided."""
    home = part / before.home if before else part
    old = set(before.entries) if before else set()
    for one in decisions:
        if one.patient not in old:
            _copy_scan(source, one.patient, home)
    if before is None and source.synthetic:
        (home / demo.MARKER).touch()
    masks: dict[str, np.ndarray] = {}
    with open_source(part) as staged:
        if set(staged.entries) != old | {one.patient for one in decisions}:
            raise UserError(f"{into}: the new patients are laid out differently from its own; nothing was adopted")
        for one in decisions:
            scan = read_own(staged, one.patient, masks=False)
            check_scan(scan, one, str(into))
            masks[one.patient] = mask_for(scan, revisions.mask_of(one), one)
            put_reference(staged, scan, masks[one.patient])
    with atomic_file(home / review_table.NAME) as table, table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, (*COLUMNS, *ADDED), lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    _read_back(part, masks)


def _copy_scan(source: Source, patient: str, home: Path) -> None:
    """Copy a patient's files, laid out as they are among the scans."""
    entry = source.entries[patient]
    top = source.home or (str(PurePosixPath(entry.path).parent) if not entry.scattered else ".")
    with source.tree.local(entry.files) as local_copy:
        for file in entry.files:
            target = home / (PurePosixPath(file).relative_to(top) if top != "." else file)
            if target.exists():
                raise UserError(f"{patient}: {target.name} is in the source already; nothing was adopted")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(local_copy / file, target)


def _read_back(part: Path, masks: Mapping[str, np.ndarray]) -> None:
    with open_source(part) as staged:
        for patient, mask in masks.items():
            reading = staged.read(patient, OWN)
            found = reading.scan.mask if reading.scan else None
            if found is None or not np.array_equal(found, mask):
                reason = str(reading.problems[0]) if reading.problems else "another mask is found in its place"
                raise UserError(f"{patient}: its mask would not be used: {reason}. Nothing was adopted")
