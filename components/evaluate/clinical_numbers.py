"""Numbers as people type them into a clinical table: 40.5, but also 40,5 and >90."""

from __future__ import annotations

import numpy as np
import pandas as pd

# With at most this many distinct values, numbers are codes (grade 2 or 3, a cluster's number) rather than a quantity.
CODES = 5
COMMA = r"[+-]?\d+,\d+"
GROUPED = r"[+-]?[1-9]\d{0,2}[.,]\d{3}"  # 1,234: thousands, or thousandths
LIST = r"\d+(?:,\d+){2,}"  # 1,2,3
THOUSANDS = r"\d{1,3}(?:,\d{3}){2,}"
MEANT = r"(?:[<>]=?|[≤≥~≈])?\s*[+-]?\d+(?:[.,]\d{3})*(?:[.,]\d+)?\s*\+?"  # >90, 90+, 1,234,567


def read_numbers(values: pd.Series) -> np.ndarray | None:
    """Read the known values of a column.

    Args:
        values: text without space around it, none of it missing.

    Returns:
        Numbers, NaN where it can't be told which; None if the column holds words, or codes that aren't all numbers.
    """
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(float)
    numbers[~np.isfinite(numbers)] = np.nan
    if not np.isnan(numbers).any():
        return numbers
    numbers = _with_decimal_commas(values, numbers)
    meant = ~np.isnan(numbers) | values.str.fullmatch(MEANT).to_numpy(bool)
    lists = values.str.fullmatch(LIST) & ~values.str.fullmatch(THOUSANDS)
    if lists.any() or 2 * meant.sum() < len(values) or values[meant].nunique() <= CODES:
        return None
    return numbers


def _with_decimal_commas(values: pd.Series, numbers: np.ndarray) -> np.ndarray:
    """Read commas as decimal if one of the column can't separate thousands; NaN where that leaves a doubt."""
    comma, point = values.str.fullmatch(COMMA), values.str.contains(".", regex=False)
    grouped = values.str.fullmatch(GROUPED).to_numpy(bool)
    if not (comma & ~grouped).any():
        return numbers
    read = pd.to_numeric(values.where(~comma, values.str.replace(",", ".")), errors="coerce").to_numpy(float)
    unclear = grouped & bool(point.any()) | ~np.isfinite(read)
    return np.where(unclear, np.nan, read)
