"""The clinical table: any CSV with a column `patient`; each other column becomes a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from components.common.errors import UserError
from components.scans.identity import subject_of

# As many different numbers, or fewer, are codes (grade 2 or 3, a cluster's number), not a quantity.
CODES = 5
MISSING = ("", "NA", "N/A", "NaN", "nan", "None", "null")


def read_clinical(path: str | Path, patients: Sequence[str]) -> pd.DataFrame:
    """Read a clinical table for these patients.

    Args:
        path: CSV. Its column `patient` (in any case) holds the name of the examination or of the person.
        patients: whom to read.

    Returns:
        One row a patient that the table knows, in the order of `patients`: patient, and the other columns as text,
        missing where empty; see `as_text`.

    Raises:
        UserError: the file is no table, lacks the column, names one twice, or knows none of the patients.
    """
    try:
        # As text: a patient may be called "007" or "NA".
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a table; give a CSV with a column `patient`") from error
    names = [column for column in table.columns if column.strip().lower() == "patient"]
    if len(names) != 1:
        raise UserError(f"{path}: has {len(names)} columns `patient` and needs one; rename the one that names patients")
    key = table.pop(names[0]).str.strip()
    if key.duplicated().any():
        raise UserError(f"{path}: names {key[key.duplicated()].iloc[0]} twice; keep one row a patient")
    rows = {name: at for at, name in enumerate(key)}
    # An examination's own row comes before one of the person.
    found = {p: rows[name] for p in patients for name in (subject_of(p), p) if name in rows}
    if not found:
        raise UserError(f"{path}: knows none of the {len(patients)} patients; its `patient` must hold the scans' names")
    known = table.iloc[list(found.values())].reset_index(drop=True)
    columns = {name: as_text(known[name]) for name in known.columns}
    return pd.DataFrame({"patient": list(found), **columns})


def as_text(values: pd.Series) -> pd.Series:
    """Bring a column of text to few values; what is missing (see `MISSING`) is None.

    Args:
        values: numbers of more than `CODES` different values become ranges between their quartiles, "20 to <40", which
            hold the lower bound and not the upper one; numbers of fewer are codes and words are words: they stay.
    """
    values = values.str.strip()
    missing = values.isin(MISSING).to_numpy()
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(float)
    if not np.isfinite(numbers[~missing]).all():
        return values.where(~missing, None)
    if len(np.unique(numbers[~missing])) <= CODES:
        # "2" and "2.0" are the same code.
        return pd.Series([None if gone else f"{n:g}" for n, gone in zip(numbers, missing, strict=True)], dtype=object)
    bounds = np.unique(np.quantile(numbers[~missing], [0.25, 0.5, 0.75])).tolist()
    written = [f"{bound:g}" for bound in bounds]
    ranges = [f"below {written[0]}", *(f"{a} to <{b}" for a, b in pairwise(written)), f"{written[-1]} or more"]
    place = np.searchsorted(bounds, numbers, side="right")
    return pd.Series([None if gone else ranges[at] for at, gone in zip(place, missing, strict=True)], dtype=object)
