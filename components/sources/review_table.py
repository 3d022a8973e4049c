"""reviews.csv beside the patients of a source: whose reference masks a human has reviewed, and what they began from.

`glioflow adopt` writes it. It never identifies a patient: a row counts for the patient of that name, if there is one.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from components.common.errors import UserError
from components.io.storage import Storage

NAME = "reviews.csv"
NEEDED = ("patient", "decision", "reviewer", "review", "train_only")


@dataclass(frozen=True)
class Reviewed:
    """What the manifest says of a patient.

    Attributes:
        review: "accepted" or "corrected"; "" for a patient whom nobody reviewed.
        review_by: name of the review, 12 hexadecimal digits, and the reviewer's.
        train_only: 1 if the mask began as a model's outline, so that testing on it would flatter that model; else 0.
    """

    review: str = ""
    review_by: str = ""
    train_only: int = 0


def rows_of(tree: Storage, folder: str) -> list[dict[str, str]]:
    """All rows of the table, oldest first; none if there is no such table, or one of another kind.

    A spreadsheet may have saved it with a byte order mark, or separated by semicolons or tabs.

    Args:
        tree, folder: source, and the folder in it where the patients lie side by side.

    Raises:
        UserError: the file is not readable as a table, lacks a column, or the storage refuses access.
    """
    path = f"{folder}/{NAME}" if folder else NAME
    if path not in tree.files:
        return []
    try:
        with tree.open(path) as file:
            text = file.read().decode("utf-8-sig")
        heading = text.partition("\n")[0]
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=heading.count))
        rows = list(reader)
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path}: not readable as a table ({type(error).__name__}); restore it") from error
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    if 0 < len(missing) < len(NEEDED) - 1:  # without its rows, patients whose mask a model began would be tested on
        raise UserError(f"{path}: lacks the column {missing[0]}; restore it")
    return [] if missing else rows


def reviewed(tree: Storage, folder: str) -> dict[str, Reviewed]:
    """The last review of each patient in the table."""
    return {
        row["patient"]: Reviewed(
            row["decision"], f"{row['review']} {row['reviewer']}", int(row["train_only"] not in ("", "0"))
        )
        for row in rows_of(tree, folder)
    }
