"""What of a clinical table could not be used: without it, cohorts would be smaller than the reader thinks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from components.evaluate.clinical import read_table, rows_of, zeros_lost
from components.evaluate.clinical_columns import is_known
from components.evaluate.clinical_numbers import read_numbers


def clinical_findings(path: str | Path, patients: Sequence[str]) -> list[str]:
    """Sentences for the top of the report, without patients' names; none if each patient has a row of readable values.

    Args:
        path: clinical table, see `components.evaluate.clinical.read_clinical`.
        patients: test patients.
    """
    key, table = read_table(path)
    rows = rows_of(key, patients)
    sentences = []
    if without := [patient for patient in patients if patient not in rows]:
        shortened = zeros_lost(key, without)
        remedy = (
            f"; {shortened} of them would have one if the table had the zeros at the start of their names, which "
            "spreadsheets drop: format the column `patient` as text"
            if shortened
            else ""
        )
        sentences.append(
            f"The clinical table has no row for {len(without)} of the {len(patients)} test patients, who count as "
            f"unknown{remedy}."
        )
    unread = {}
    for name, values in table.iloc[list(rows.values())].items():
        text = values.str.strip()
        numbers = read_numbers(text[is_known(text)])
        if numbers is not None and np.isnan(numbers).any():
            unread[" ".join(str(name).split())] = int(np.isnan(numbers).sum())
    if unread:
        counts = ", ".join(f"{count} in {name}" for name, count in unread.items())
        sentences.append(
            f"Values of the clinical table that can't be read as numbers count as unknown: {counts}. Write numbers "
            "alone, without signs such as > and without separators of thousands."
        )
    return sentences
