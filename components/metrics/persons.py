"""Which examinations are of one person: the independent units of a test set are persons, not examinations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from components.scans.identity import subject_of


def persons_of(patients: Iterable[str]) -> np.ndarray:
    """Return the person of each examination, as the name of the person's first examination among them, by name.

    Persons so sort as their examinations do. With one examination each, they are the examinations, so nothing that
    depends on names or on their order changes.
    """
    names = [str(name) for name in patients]
    first: dict[str, str] = {}
    person = {}
    for name in sorted(set(names)):
        person[name] = first.setdefault(subject_of(name), name)
    return np.array([person[name] for name in names], str)


def rows_by_person(persons: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
    """Return the indices of each person's rows, in order of person."""
    names, inverse = np.unique(np.asarray(persons), return_inverse=True)
    if not len(names):
        return []
    return np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])


def counted(persons: int, examinations: int) -> str:
    """Return how many were tested, in words: "9 patients", or "6 persons (9 examinations)" if the two differ."""
    if persons == examinations:
        return f"{persons} patient{'' if persons == 1 else 's'}"
    return f"{persons} person{'' if persons == 1 else 's'} ({examinations} examinations)"
