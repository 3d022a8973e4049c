"""The columns of a clinical table, reduced to the few values that define cohorts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from components.evaluate.clinical_numbers import CODES, read_numbers

MISSING = ("", "na", "n/a", "nan", "none", "null", "unknown", "?", "-")  # in any case


def as_text(values: pd.Series) -> pd.Series:
    """Reduce a column of text to a few distinct values; None replaces missing and unreadable ones.

    Args:
        values: text of the column. Numbers with more than `CODES` distinct values become ranges between their
            quartiles, "20 to <40", which include the lower bound and exclude the upper one. Fewer distinct numbers are
            codes and stay as they are, as do words. See `MISSING` and `read_numbers`.
    """
    values = values.str.strip()
    known = is_known(values)
    read = read_numbers(values[known])
    if read is None:
        return values.where(known, None)
    numbers = np.full(len(values), np.nan)
    numbers[known] = read
    missing = np.isnan(numbers)
    if len(np.unique(numbers[~missing])) <= CODES:
        # "2" and "2.0" are the same code.
        return pd.Series([None if gone else _text(n) for n, gone in zip(numbers, missing, strict=True)], dtype=object)
    bounds = np.unique(np.quantile(numbers[~missing], [0.25, 0.5, 0.75])).tolist()
    written = [_text(bound) for bound in bounds]
    ranges = [f"below {written[0]}", *(f"{a} to <{b}" for a, b in pairwise(written)), f"{written[-1]} or more"]
    place = np.searchsorted(bounds, numbers, side="right")
    return pd.Series([None if gone else ranges[at] for at, gone in zip(place, missing, strict=True)], dtype=object)


def is_known(values: pd.Series) -> pd.Series:
    """Return which values of a column are not missing; they have no space around them."""
    return ~values.str.lower().isin(MISSING)


def _text(number: float) -> str:
    """A number with all the digits that tell it from others: two scanners' 4512345 and 4512346 are two groups."""
    return f"{number:.0f}" if number.is_integer() else f"{number:.15g}"
