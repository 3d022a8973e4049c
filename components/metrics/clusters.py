"""Intervals of slice-level statistics: slices of one person resemble each other, so whole persons are resampled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from components.metrics.intervals import Interval, caveat
from components.metrics.persons import rows_by_person


def cluster_interval(
    statistic: Callable[..., float | None],
    persons: np.ndarray,
    *columns: np.ndarray,
    seed: int,
    draws: int = 1000,
) -> Interval:
    """95 % percentile interval of a statistic of slices, resampling whole persons (Field & Welsh 2007).

    Args:
        statistic: function of the columns, in their order, for instance AUROC of labels and probabilities; returns None
            if undefined. Draws for which it is undefined are left out.
        persons: person of each slice, see `persons_of` [slices].
        columns: one number per slice, each [slices].

    Returns:
        An interval; without ends below two persons, or if the statistic is defined in fewer than half of the draws.
    """
    rows = rows_by_person(persons)
    value = statistic(*columns) if rows else None
    if len(rows) < 2:
        return Interval(value, None, None, len(rows), f"too few patients for an interval: {len(rows)}")
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        at = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        one = statistic(*(column[at] for column in columns))
        if one is not None:
            drawn.append(one)
    if value is None or len(drawn) < draws / 2:
        return Interval(value, None, None, len(rows), "too few patients have both classes for an interval")
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value, float(low), float(high), len(rows), caveat(len(rows), len(rows)))
