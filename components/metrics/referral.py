"""The refer list: patients whom a human should look at first, and whether the list catches the errors."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scipy import stats


def refer_list(doubt: Mapping[str, float], threshold: float) -> list[str]:
    """Patients to refer, the most doubtful first; ties by name.

    Args:
        doubt: patient to doubt; NaN ranks as the greatest doubt.
        threshold: lowest doubt that is referred.
    """
    known = {name: math.inf if math.isnan(value) else value for name, value in doubt.items()}
    return [name for name in sorted(known, key=lambda name: (-known[name], name)) if known[name] >= threshold]


@dataclass(frozen=True)
class ReferralYield:
    """How many of the errors a refer list catches.

    Attributes:
        patients, referred, errors, caught: counts.
        share: caught / errors, 0..1; None without errors.
        chance: fraction that a random list of that length would catch on average, referred / patients; None without
            patients.
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


def count_caught_errors(referred: Collection[str], errors: Collection[str], patients: Collection[str]) -> ReferralYield:
    """Count the errors among the referred patients, and compare with chance.

    Args:
        referred, errors, patients: names; the first two are subsets of the third.

    Raises:
        ValueError: a referred patient or an error is not one of the patients.
    """
    everyone, listed, wrong = set(patients), set(referred), set(errors)
    if not (listed <= everyone and wrong <= everyone):
        raise ValueError("referred patients and errors must be among the patients")
    caught = len(listed & wrong)
    p_value = float(stats.hypergeom.sf(caught - 1, len(everyone), len(wrong), len(listed))) if wrong else None
    return ReferralYield(
        patients=len(everyone),
        referred=len(listed),
        errors=len(wrong),
        caught=caught,
        share=caught / len(wrong) if wrong else None,
        chance=len(listed) / len(everyone) if everyone else None,
        p_value=p_value,
    )
