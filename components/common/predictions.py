"""Tables of predictions written by `evaluate`, as every later step reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from components.common.layout import PATIENTS, SLICES
from components.common.tables import TEXT


def read_patients(predictions: str | Path, gate: str = "on") -> pd.DataFrame:
    """Scores of the test patients, sorted by name; `gate` is "on", "off" or "unprocessed"."""
    table = pd.read_csv(Path(predictions) / PATIENTS, dtype=TEXT, keep_default_na=False, na_values=[""])
    return table[table["gate"] == gate].sort_values("patient", ignore_index=True)


def read_slices(predictions: str | Path) -> pd.DataFrame:
    """Labels and probabilities of the test slices."""
    return pd.read_csv(Path(predictions) / SLICES, dtype=TEXT, keep_default_na=False, na_values=[""])


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries, with None for missing scores, as `summarise_patients` takes them."""
    return table.astype(object).where(table.notna(), None).to_dict("records")
