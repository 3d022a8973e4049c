"""The clinical table: any CSV with a column `patient`; every other column defines a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from components.common.errors import UserError
from components.evaluate.clinical_columns import as_text
from components.scans.identity import in_one_notation, subject_of


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
    found = rows_of(key, patients)
    if not found:
        zeros = ", also the zeros at their start: format it as text" if zeros_lost(key, patients) else ""
        raise UserError(
            f"{path}: lists none of the {len(patients)} patients; its `patient` must hold the scans' names{zeros}"
        )
    known = table.iloc[list(found.values())].reset_index(drop=True)
    columns = {name: as_text(known[name]) for name in known.columns}
    return pd.DataFrame({"patient": list(found), **columns})


def rows_of(key: pd.Series, patients: Sequence[str]) -> dict[str, int]:
    """Number of the row of each patient that the table lists; `key` is its column `patient`."""
    rows = {name: at for at, name in enumerate(key)}
    # A row for the examination takes precedence over one for the person.
    return {p: rows[name] for p in patients for name in (subject_of(p), p) if name in rows}


def zeros_lost(key: pd.Series, patients: Sequence[str]) -> int:
    """Count the patients without a row for whom there is one but for zeros at the start of the name: 007 and 7."""
    numbers = {name.lstrip("0") for name in key if name.isdecimal()}
    return sum(any(name.isdecimal() and name.lstrip("0") in numbers for name in (p, subject_of(p))) for p in patients)


def read_table(path: str | Path) -> tuple[pd.Series, pd.DataFrame]:
    """Read a clinical table: the names of its patients, and its other columns as text.

    Raises:
        UserError: the file is not a table, lacks the column, has no other or one with "=", or repeats a name.
    """
    try:
        # Read as text, because a patient may be called "007" or "NA".
        heading = pd.read_csv(path, dtype=str, nrows=0).columns
        # Spreadsheets separate by semicolons where commas are decimal.
        separator = next((sign for sign in ";\t" if len(heading) == 1 and sign in heading[0]), ",")
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a table; give a CSV with a column `patient`") from error
    names = [column for column in table.columns if column.strip().lower() == "patient"]
    if len(names) != 1:
        raise UserError(f"{path}: has {len(names)} columns `patient` and needs one; rename the one that names patients")
    key = table.pop(names[0]).str.strip().map(in_one_notation)
    if not len(table.columns):
        raise UserError(f"{path}: has no column besides `patient`, so no cohorts; add one, e.g. grade")
    if odd := [column for column in table.columns if "=" in column]:
        raise UserError(f'{path}: its column {odd[0]} has a "=", which separates columns from values; rename it')
    if key.duplicated().any():
        raise UserError(f"{path}: names {key[key.duplicated()].iloc[0]} twice; keep one row per patient")
    return key, table
