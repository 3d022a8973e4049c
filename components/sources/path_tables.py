"""Tables that travel with scans and name patients: compared with the paths, and never trusted.

The path table that course notebooks ship with kaggle_3m names a different patient from the path in 3,894 of its 3,929
rows; a split grouped by its `patient_id` puts every patient on both sides.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from components.common.errors import UserError
from components.common.problems import Problem
from components.io.storage import Storage

if TYPE_CHECKING:
    import pandas as pd


def contradictions(tree: Storage, folder: str) -> list[Problem]:
    """One problem for each table, beside the patients or at the top, whose patients differ from those in its paths."""
    places = [path for path in tree.files if path.lower().endswith(".csv")]
    return [
        problem
        for path in places
        if str(PurePosixPath(path).parent) in (".", folder or ".") and (problem := _check(tree, path))
    ]


def _check(tree: Storage, path: str) -> Problem | None:
    import pandas as pd  # slow, and most scans come without a table

    try:
        with tree.open(path) as file:
            table = pd.read_csv(file, dtype=str)
    except (ValueError, OSError, UserError):  # whatever is wrong, nothing here depends on it
        return None
    names = next((table[column] for column in table if "patient" in str(column).lower()), None)
    paths = next((table[column] for column in table if _holds_paths(table[column])), None)
    if names is None or paths is None:
        return None
    folders = paths.map(lambda text: PurePosixPath(str(text)).parent.name)
    wrong = int((names.fillna("") != folders).sum())
    if not wrong:
        return None
    return Problem("table", "", path, f"{wrong:,} of {len(table):,} rows name a different patient from their path")


def _holds_paths(column: pd.Series) -> bool:
    return bool(column.dropna().astype(str).str.contains(r"/.+\.(?:tif|nii|nii\.gz|dcm)$").mean() > 0.5)
