"""The ledger: every assignment so far, by recipe, so that people keep their splits when others come or return."""

from __future__ import annotations

from typing import Any

import pandas as pd

from components.common.tables import LEDGER_COLUMNS
from components.split.rule import SplitRule


def add_to_ledger(before: pd.DataFrame | None, table: pd.DataFrame, rule: SplitRule) -> pd.DataFrame:
    """Add to the ledger; rows of absent patients, and of other recipes, are kept in case they return."""
    rows = table.assign(recipe=rule.recipe)[LEDGER_COLUMNS]
    rows = rows if before is None else pd.concat([before, rows])
    return rows.drop_duplicates(["subject", "recipe"], keep="last").sort_values(
        ["recipe", "subject"], ignore_index=True
    )


def kept_assignments(before: pd.DataFrame | None, column: str, number: int, *hashes: str) -> dict[str, Any]:
    """What recipes with one of these hashes in position `number` assigned to each person; the last one wins."""
    found: dict[str, Any] = {}
    if before is not None:
        recorded = before["recipe"].str.split("-").str[number]
        for each in hashes:
            if (recorded == each).any():
                found |= by_person(before[recorded == each], column)
    return found


def by_person(table: pd.DataFrame, column: str) -> dict[str, Any]:
    """Map each person to the value in a column, leaving out missing values."""
    return table.dropna(subset=[column]).set_index("subject")[column].to_dict()
