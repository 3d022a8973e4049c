"""Rows of a source's reviews.csv: what each mask began as, and whether it may be tested on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from components.adopt.reviewed_masks import name_of
from components.common.errors import UserError
from components.review.own_scan import read_own
from components.review.review_decision import Decision
from components.scans.identity import subject_of
from components.scans.own_voxels import mask_hash, to_own
from components.sources import Source
from components.sources.review_table import Reviewed


def references(source: Source | None, decisions: Iterable[Decision]) -> dict[str, str]:
    """`mask_hash` of the reference of each patient decided on who has one that can be read."""
    found: dict[str, str] = {}
    if source is None:
        return found
    for patient in sorted({one.patient for one in decisions} & set(source.entries)):
        scan = read_own(source, patient)
        if scan.mask is not None:
            found[patient] = mask_hash(to_own(scan, scan.mask.astype(np.uint8)) > 0)
    return found


def rows_for(
    decisions: Sequence[Decision],
    before: Mapping[str, str],
    earlier: Mapping[str, Reviewed],
    *,
    began_as_model: bool,
    test_too: bool,
) -> list[dict[str, Any]]:
    """Rows of the decisions that are adopted.

    A model's outline where there was no reference is for training alone, whether or not the source knew the patient.

    Args:
        decisions: what is adopted.
        before: the source's own masks, see `references`.
        earlier: the source's earlier reviews, by patient.
        began_as_model: whether the masks began as a model's outline, and not as the source's own.
        test_too: whether all of them may be tested on.
    """
    name, began, rows = name_of(decisions), "model" if began_as_model else "reference", []
    for one in decisions:
        outlined = earlier.get(one.patient, Reviewed()).train_only or (began_as_model and one.patient not in before)
        rows.append({**one.row(), "review": name, "began": began, "train_only": int(outlined and not test_too)})
    return rows


def check_splits(rows: Iterable[Mapping[str, Any]], splits: Mapping[str, str]) -> None:
    """Refuse a mask for training alone of a person who is not in train."""
    for row in rows:
        split = splits.get(subject_of(row["patient"]), "train")
        if row["train_only"] and split != "train":
            raise UserError(
                f"{row['patient']}: this person is in {split}, where a mask that began as a model's outline would "
                "flatter that model; reject the patient, or give --test-too. Nothing was adopted"
            )


def count_replaced(rows: Iterable[Mapping[str, Any]], before: Mapping[str, str], splits: Mapping[str, str]) -> int:
    """How many references of test patients are replaced by another mask."""
    return sum(
        splits.get(subject_of(row["patient"])) == "test" and before.get(row["patient"], row["after"]) != row["after"]
        for row in rows
    )
