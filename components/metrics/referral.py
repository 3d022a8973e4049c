"""The refer list: whom a human should look at first, and whether the list catches the errors."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats


def refer_list(doubt: Mapping[str, float], *, share: float | None = None, threshold: float | None = None) -> list[str]:
    """Patients to refer, the most doubtful first; equal doubt by name.

    Args:
        doubt: patient to doubt. One that is not a number is doubted most.
        share: refer this share of the patients, 0..1, rounded up; or
        threshold: refer whose doubt is this or more.

    Raises:
        ValueError: not exactly one of `share` and `threshold` is given, or the share is not within 0..1.
    """
    if (share is None) == (threshold is None):
        raise ValueError("give either a share or a threshold")
    known = {name: math.inf if math.isnan(value) else value for name, value in doubt.items()}
    ranked = sorted(known, key=lambda name: (-known[name], name))
    if threshold is not None:
        return [name for name in ranked if known[name] >= threshold]
    assert share is not None
    if not 0 <= share <= 1:
        raise ValueError(f"the share is {share}; it lies within 0..1")
    return ranked[: math.ceil(share * len(ranked) - 1e-9)]


@dataclass(frozen=True)
class Catch:
    """How many of the errors a refer list holds.

    Attributes:
        patients, referred, errors, caught: counts.
        share: caught / errors, 0..1; None without errors.
        chance: what a random list of that length would catch on average, referred / patients; None without patients.
        p_value: probability that a random list of that length catches as many or more (hypergeometric, exact); None
            without errors.
    """

    patients: int
    referred: int
    errors: int
    caught: int
    share: float | None
    chance: float | None
    p_value: float | None


def worst(dice: Mapping[str, float], *, below: float | None = None, lowest: float | None = None) -> set[str]:
    """Patients that count as errors.

    Args:
        dice: patient to volume Dice 0..1.
        below: those under this Dice; or
        lowest: the lowest share of the patients, 0..1, rounded, at least one; ties with the last are in, too.

    Raises:
        ValueError: not exactly one of `below` and `lowest` is given.
    """
    if (below is None) == (lowest is None):
        raise ValueError("give either a Dice or a share")
    if below is not None:
        return {name for name, value in dice.items() if value < below}
    assert lowest is not None
    if not dice:
        return set()
    last = np.sort(list(dice.values()))[max(1, round(lowest * len(dice))) - 1]
    return {name for name, value in dice.items() if value <= last}


def catches(referred: Collection[str], errors: Collection[str], patients: Collection[str]) -> Catch:
    """Count how many of the errors are among the referred, against chance.

    Raises:
        ValueError: a referred patient or an error is not one of the patients.
    """
    everyone, listed, wrong = set(patients), set(referred), set(errors)
    if not (listed <= everyone and wrong <= everyone):
        raise ValueError("referred patients and errors must be among the patients")
    caught = len(listed & wrong)
    p_value = float(stats.hypergeom.sf(caught - 1, len(everyone), len(wrong), len(listed))) if wrong else None
    return Catch(
        patients=len(everyone),
        referred=len(listed),
        errors=len(wrong),
        caught=caught,
        share=caught / len(wrong) if wrong else None,
        chance=len(listed) / len(everyone) if everyone else None,
        p_value=p_value,
    )
