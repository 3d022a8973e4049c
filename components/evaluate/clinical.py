"""The clinical table: any CSV with a column `patient`; every other column defines a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from components.common.errors import UserError
from components.scans.identity import subject_of

# With at most this many distinct values, numbers are codes (grade 2 or 3, a cluster's number) rather than a quantity.
CODES = 5
MISSING = ("", "na", "n/a", "nan", "none", "null", "unknown", "?", "-")  # in any case


def read_clinical(path: str | Path, patients: Sequence[str]) -> pd.DataFrame:
    """Read a clinical table for these patients.

    Args:
        path: CSV. Its column `patient` (in any case) holds the name of the examination or of the person.
        patients: patients to read.

    Returns:
        One row per patient that the table lists, in the order of `patients`: patient, and the other columns as text,
        None if empty; see `as_text`.

    Raises:
        UserError: the file is not a table, lacks the column, repeats a name, or lists none of the patients.
    """
    key, table = read_table(path)
    rows = {name: at for at, name in enumerate(key)}
    # A row for the examination takes precedence over one for the person.
    found = {p: rows[name] for p in patients for name in (subject_of(p), p) if name in rows}
    if not found:
        raise UserError(f"{path}: lists none of the {len(patients)} patients; its `patient` must hold the scans' names")
    known = table.iloc[list(found.values())].reset_index(drop=True)
    columns = {name: as_text(known[name]) for name in known.columns}
    return pd.DataFrame({"patient": list(found), **columns})


def read_table(path: str | Path) -> tuple[pd.Series, pd.DataFrame]:
    """Read a clinical table: the names of its patients, and its other columns as text.

    Raises:
        UserError: the file is not a table, lacks the column, has no other or one with "=", or repeats a name.
    """
    try:
        # Read as text, because a patient may be called "007" or "NA".
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a table; give a CSV with a column `patient`") from error
    names = [column for column in table.columns if column.strip().lower() == "patient"]
    if len(names) != 1:
        raise UserError(f"{path}: has {len(names)} columns `patient` and needs one; rename the one that names patients")
    key = table.pop(names[0]).str.strip()
    if not len(table.columns):
        raise UserError(f"{path}: has no column besides `patient`, so no cohorts; add one, e.g. grade")
    if odd := [column for column in table.columns if "=" in column]:
        raise UserError(f'{path}: its column {odd[0]} has a "=", which separates columns from values; rename it')
    if key.duplicated().any():
        raise UserError(f"{path}: names {key[key.duplicated()].iloc[0]} twice; keep one row per patient")
    return key, table


def as_text(values: pd.Series) -> pd.Series:
    """Reduce a column of text to a few distinct values; missing ones (see `MISSING`) become None.

    Args:
        values: text of the column. Numbers with more than `CODES` distinct values become ranges between their
            quartiles, "20 to <40", which include the lower bound and exclude the upper one. Fewer distinct numbers are
            codes and stay as they are, as do words.
    """
    values = values.str.strip()
    missing = values.str.lower().isin(MISSING).to_numpy()
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(float)
    if not np.isfinite(numbers[~missing]).all():
        return values.where(~missing, None)
    if len(np.unique(numbers[~missing])) <= CODES:
        # "2" and "2.0" are the same code.
        return pd.Series([None if gone else _text(n) for n, gone in zip(numbers, missing, strict=True)], dtype=object)
    bounds = np.unique(np.quantile(numbers[~missing], [0.25, 0.5, 0.75])).tolist()
    written = [_text(bound) for bound in bounds]
    ranges = [f"below {written[0]}", *(f"{a} to <{b}" for a, b in pairwise(written)), f"{written[-1]} or more"]
    place = np.searchsorted(bounds, numbers, side="right")
    return pd.Series([None if gone else ranges[at] for at, gone in zip(place, missing, strict=True)], dtype=object)


def _text(number: float) -> str:
    """A number with all the digits that tell it from others: two scanners' 4512345 and 4512346 are two groups."""
    return f"{number:.0f}" if number.is_integer() else f"{number:.15g}"
