"""Intervals of slice-level statistics: slices of one patient resemble each other, so whole patients are resampled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from components.metrics.intervals import Interval, caveat


def cluster_interval(
    statistic: Callable[..., float | None],
    patients: np.ndarray,
    *columns: np.ndarray,
    seed: int,
    draws: int = 1000,
) -> Interval:
    """95 % percentile interval of a statistic of slices, resampling whole patients (Field & Welsh 2007).

    Args:
        statistic: function of the columns, in their order, for instance AUROC of labels and probabilities; returns None
            if undefined. Draws for which it is undefined are left out.
        patients: patient of each slice [slices].
        columns: one number per slice, each [slices].

    Returns:
        An interval; without ends below two patients, or if the statistic is defined in fewer than half of the draws.
    """
    names, inverse = np.unique(patients, return_inverse=True)
    value = statistic(*columns) if len(names) else None
    if len(names) < 2:
        return Interval(value, None, None, len(names), f"too few patients for an interval: {len(names)}")
    order = np.argsort(inverse, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        at = np.concatenate([rows[i] for i in rng.integers(len(names), size=len(names))])
        one = statistic(*(column[at] for column in columns))
        if one is not None:
            drawn.append(one)
    if value is None or len(drawn) < draws / 2:
        return Interval(value, None, None, len(names), "too few patients have both classes for an interval")
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value, float(low), float(high), len(names), caveat(len(names)))
