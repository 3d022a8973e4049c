"""Tables of predictions written by `evaluate`, as every later step reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from components.common.layout import PATIENTS, SLICES
from components.common.tables import read_table


def read_patients(predictions: str | Path, gate: str = "on") -> pd.DataFrame:
    """Read the scores of the test patients.

    Args:
        predictions: folder written by `evaluate`.
        gate: "on", "off" (without stage 1), or "unprocessed" (with stage 1, without 3-D processing).

    Returns:
        One row per patient, sorted by name: patient, gate, doubt, and the scores of `patient_scores`; NaN where a score
        is undefined.

    Raises:
        UserError: patients.csv is missing, or is not a table.
    """
    table = read_table(Path(predictions) / PATIENTS, "evaluate")
    return table[table["gate"] == gate].sort_values("patient", ignore_index=True)


def read_slices(predictions: str | Path) -> pd.DataFrame:
    """Read the labels and outputs of the test slices.

    Args:
        predictions: folder written by `evaluate`.

    Returns:
        One row per slice: patient, slice (from 1), has_tumor (0 or 1), tumor_probability and doubt (0..1).

    Raises:
        UserError: slices.csv is missing, or is not a table.
    """
    return read_table(Path(predictions) / SLICES, "evaluate")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries, with None for missing scores, as `summarise_patients` takes them."""
    return table.astype(object).where(table.notna(), None).to_dict("records")
