"""Candidate against champion on the same patients: is it worse by no more than a margin?

The test flips signs: if the candidate were worse by exactly the margin, and deviations from that as likely up as down,
each person's mean difference plus the margin could just as well have had the other sign. The p-value is the share of
all sign patterns whose mean is at least the observed one (Fisher 1935; exact up to 13 persons, else sampled with a
seed).
It assumes neither a normal distribution nor a large sample.

The test can miss rare, large losses. If the whole loss comes from one patient in forty whose Dice falls by 0.8, most
samples of 22 contain no such patient, and half of them pass instead of 5 % (13 % of samples of 88): check `worst`, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from components.metrics.intervals import bootstrap_interval, caveat
from components.metrics.persons import counted, persons_of, rows_by_person

# With 4 persons no result can reach 5 %: 2 ** -4 = 0.0625.
FEWEST = 5
EXACT_UP_TO = 13
PATTERNS = 2**EXACT_UP_TO


@dataclass(frozen=True)
class Paired:
    """Candidate minus champion, over examinations, of which one person may have several.

    Attributes:
        patients: number of examinations compared.
        persons: number of persons whose examinations they are; the test and the intervals count these.
        mean: mean difference over examinations; above 0 the candidate is better (for metrics where higher is better).
        low95, high95: two-sided 95 % interval of it, bootstrap over persons (BCa); None below two persons.
        low95_one_sided: lower end of the one-sided 95 % interval; None below two persons.
        worst, worst_patient: lowest difference and its examination; None without any.
        margin: loss allowed.
        p_value: p-value of "worse by the margin or more"; small values favour the candidate. None below five
            persons.
        test: "exact", "monte carlo" or "too few patients".
        note: why there is no p-value or why to mistrust the intervals; "" if there is nothing to note.
    """

    patients: int
    persons: int
    mean: float | None
    low95: float | None
    high95: float | None
    low95_one_sided: float | None
    worst: float | None
    worst_patient: str | None
    margin: float
    p_value: float | None
    test: str
    note: str

    @property
    def not_inferior(self) -> bool:
        """Whether the test at 5 % finds the candidate no worse than by the margin; False if it can't decide."""
        return self.p_value is not None and self.p_value <= 0.05


def paired_difference(
    candidate: Mapping[str, float],
    champion: Mapping[str, float],
    *,
    margin: float,
    seed: int,
    persons: Mapping[str, str] | None = None,
) -> Paired:
    """Compare two models examination by examination, by a metric where higher is better.

    Args:
        candidate, champion: examination to score, the same examinations in both.
        margin: loss allowed, 0 or more; at 0 the test asks whether the candidate is better.
        seed: seed of the random draws.
        persons: examination to person; None if the examinations' names tell (see `persons_of`).

    Raises:
        ValueError: the patients differ, a score is not finite, or the margin is negative.
    """
    if set(candidate) != set(champion):
        odd = sorted(set(candidate) ^ set(champion))
        raise ValueError(f"candidate and champion were not scored on the same patients: {', '.join(odd[:3])}")
    if not margin >= 0:
        raise ValueError(f"the margin is {margin}; it can't be negative")
    # Sorted, so that the order of the patients can't change the random draws.
    names = sorted(candidate)
    difference = np.array([float(candidate[name]) - float(champion[name]) for name in names])
    if not np.isfinite(difference).all():
        raise ValueError("a score is not a finite number")
    people = persons_of(names) if persons is None else np.array([persons[name] for name in names], str)
    by_person = np.array([difference[rows].mean() for rows in rows_by_person(people)])
    count = len(by_person)
    low, high = bootstrap_interval(difference, "mean", 0.95, seed, persons=people) if count > 1 else (None, None)
    one_sided = bootstrap_interval(difference, "mean", 0.90, seed, persons=people)[0] if count > 1 else None
    if count < FEWEST:
        p_value, test = None, "too few patients"
        with_few = count if count == len(names) else counted(count, len(names))
        note = f"too few patients: with {with_few}, no result can be told from chance at 5 %"
    else:
        p_value, test = sign_flip_p(by_person + margin, seed), "exact" if count <= EXACT_UP_TO else "monte carlo"
        note = caveat(count, len(names))
    return Paired(
        patients=len(names),
        persons=count,
        mean=float(difference.mean()) if count else None,
        low95=low,
        high95=high,
        low95_one_sided=one_sided,
        worst=float(difference.min()) if count else None,
        worst_patient=names[int(difference.argmin())] if count else None,
        margin=margin,
        p_value=p_value,
        test=test,
        note=note,
    )


def sign_flip_p(values: np.ndarray, seed: int) -> float:
    """Share of sign patterns whose mean reaches that of the values; exact up to `EXACT_UP_TO` of them."""
    result = stats.permutation_test(
        (values,),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        n_resamples=PATTERNS,
        vectorized=True,
        random_state=np.random.default_rng(seed),
    )
    return float(result.pvalue)
