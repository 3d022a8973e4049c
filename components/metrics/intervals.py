"""95 % intervals by bootstrap, resampling persons with replacement (Efron 1979), because persons are the scarce unit.

The mean gets the bias-corrected and accelerated interval (BCa, Efron 1987), median and 10th percentile the plain
percentile one. Measured coverage on samples shaped like volume Dice (most near 0.9, a tenth far below), nominal 95 %:

    patients        9      22      88
    mean, BCa       81 %   91 %    97 %      (percentile: 77, 90, 91 %)
    median          95 %   95 %    96 %
    p10             63 %   86 %    96 %

So below 20 patients an interval covers less than it claims, because a sample that small rarely holds a bad patient.
`note` says so.

Examinations of one person resemble each other, so a person is drawn with all of them (cluster bootstrap: Davison and
Hinkley 1997, section 3.8; Field and Welsh 2007). The statistic itself is over examinations.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from components.metrics.persons import counted, rows_by_person

STATISTICS: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "median": np.median,
    "p10": lambda values, axis=None: np.percentile(values, 10, axis=axis),
}
DRAWS = 2000
MIN_PATIENTS = 20


@dataclass(frozen=True)
class Interval:
    """A number and its interval.

    Attributes:
        value: the statistic of the sample; None without values.
        low, high: ends of the 95 % interval; None if there is no interval, see `note`.
        persons: number of persons whose values they are.
        note: why there is no interval, or why to mistrust it; "" if there is nothing to note.
    """

    value: float | None
    low: float | None
    high: float | None
    persons: int
    note: str


def interval(
    values: Sequence[float] | np.ndarray,
    statistic: str = "mean",
    *,
    seed: int,
    draws: int = DRAWS,
    persons: Sequence[Any] | np.ndarray | None = None,
) -> Interval:
    """Bootstrap a statistic over persons; the same seed gives the same ends.

    Args:
        values: one finite number per examination; leave out examinations without one.
        statistic: key of `STATISTICS`.
        seed: seed of the bootstrap.
        draws: number of resamples.
        persons: person of each value, see `persons_of`; None if each value is of another person.

    Raises:
        ValueError: a value is not finite.
    """
    numbers = np.asarray(values, float)
    if not np.isfinite(numbers).all():
        raise ValueError("a value is not a finite number; leave out patients without one")
    value = float(STATISTICS[statistic](numbers)) if len(numbers) else None
    count = len(numbers) if persons is None else len(set(persons))
    if count < 2:
        return Interval(value, None, None, count, f"too few patients for an interval: {count}")
    low, high = bootstrap_interval(numbers, statistic, 0.95, seed, draws, persons)
    return Interval(value, low, high, count, caveat(count, len(numbers)))


def bootstrap_interval(
    numbers: np.ndarray,
    statistic: str,
    level: float,
    seed: int,
    draws: int = DRAWS,
    persons: Sequence[Any] | np.ndarray | None = None,
) -> tuple[float, float]:
    """Return the ends of a two-sided bootstrap interval that should cover the true statistic with probability `level`.

    Args:
        numbers: finite values, of at least two persons.
        statistic: key of `STATISTICS`; the mean gets the BCa interval, the others the percentile one.
        level: 0..1.
        seed: seed of the bootstrap.
        draws: number of resamples.
        persons: see `interval`.
    """
    function, sample, vectorized = STATISTICS[statistic], numbers, True
    if persons is not None and len(set(persons)) < len(numbers):
        rows = rows_by_person(persons)
        sample, vectorized = np.arange(len(rows)), False

        def function(drawn: np.ndarray) -> Any:
            return STATISTICS[statistic](numbers[np.concatenate([rows[int(person)] for person in drawn])])

    methods = ("BCa", "percentile") if statistic == "mean" else ("percentile",)
    for method in methods:
        # BCa divides 0 by 0 when values are nearly equal; the percentiles always exist.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            low, high = stats.bootstrap(
                (sample,),
                function,
                n_resamples=draws,
                confidence_level=level,
                method=method,
                vectorized=vectorized,
                random_state=np.random.default_rng(seed),
            ).confidence_interval
        if np.isfinite([low, high]).all():
            break
    return float(low), float(high)


def caveat(persons: int, examinations: int) -> str:
    """Return the caveat for an interval from this many persons; "" if they are at least `MIN_PATIENTS`."""
    if persons >= MIN_PATIENTS:
        return ""
    return f"only {counted(persons, examinations)}, so the interval covers less than 95 %"
