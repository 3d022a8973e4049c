"""Assign patients to train, val, test and folds: by person, balanced, and stable when patients are added."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from components.common.errors import UserError
from components.common.tables import LEDGER_COLUMNS, SPLIT_NAMES, SPLITS_COLUMNS
from components.split.user_file import read_own_split

FOLDS = range(2, 101)  # valid values of `folds`


@dataclass(frozen=True)
class SplitRule:
    """How to split.

    Attributes:
        val, test: shares of the patients, each in (0, 1), together below 1. Every split gets at least one patient.
        folds: number of folds, numbered from 0.
        seed: seed of the split.
        fold: fold to test on, instead of a share.
        holdout_sites: sites to test on, instead of a share.
        file: CSV to take the splits from, with the columns patient, split and, optionally, fold.
    """

    val: float
    test: float
    folds: int
    seed: int
    fold: int | None = None
    holdout_sites: Sequence[str] = ()
    file: str | None = None

    @property
    def recipe(self) -> str:
        """Three hashes: of what decides the splits, the folds, and the test patients.

        A person keeps what the same hash assigned before. Each hash covers only the parameters that matter to it:
        changing the number of folds moves nobody to another split.
        """
        sides = ("file", self.file) if self.file else (self.val, *self._tested)
        parts = (sides, (self.seed, self.folds, self.file), self._tested)
        return "-".join(_hash(part)[:8] for part in parts)

    @property
    def _tested(self) -> tuple[Any, ...]:
        if self.file:
            return ("file", self.file)
        if self.fold is not None:
            return ("fold", self.seed, self.folds, self.fold)
        if self.holdout_sites:
            return ("sites", self.seed, *sorted(set(self.holdout_sites)))
        return ("share", self.seed, self.test)

    def part(self, number: int) -> str:
        """One hash of the recipe: 0 of the splits, 1 of the folds, 2 of the test patients."""
        return self.recipe.split("-")[number]

    @property
    def older(self) -> list[str]:
        """Hashes of the splits in older ledgers, most trusted last: they used to include `folds`."""
        chosen = asdict(self) | {"holdout_sites": sorted(self.holdout_sites)}
        counts = [self.folds] if self.fold is not None else [*sorted(set(FOLDS) - {self.folds}), self.folds]
        return [_hash(sorted((chosen | {"folds": folds}).items()))[:8] for folds in counts]


def assign_splits(manifest: pd.DataFrame, rule: SplitRule, before: pd.DataFrame | None = None) -> pd.DataFrame:
    """Assign every patient to a split and to a fold, balanced over sites and tumour burden.

    Persons are ordered by site, then by terciles of tumour pixels, then by a seeded hash of their name. In that order,
    each goes to the split that is furthest behind its share, so that every run of similar patients is spread evenly.
    All examinations of a person stay together.

    Args:
        manifest: one row per slice; columns patient, subject, site, tumor_pixels.
        rule: how to split.
        before: all earlier assignments, one row per person and recipe, columns `LEDGER_COLUMNS`; a person listed there
            keeps the split and fold that the same recipe assigned.

    Returns:
        One row per patient, sorted by name, columns `SPLITS_COLUMNS`.
    """
    persons = manifest.groupby("subject").agg(site=("site", "first"), burden=("tumor_pixels", "sum")).reset_index()
    persons["third"] = (persons["burden"].rank(method="first") - 1) * 3 // len(persons)
    persons["hash"] = [_hash(f"{rule.seed}/{name}") for name in persons["subject"]]
    persons = persons.sort_values(["site", "third", "hash"]).set_index("subject")
    order = list(persons.index)

    own = read_own_split(rule.file, manifest) if rule.file else pd.DataFrame(columns=["subject", "split", "fold"])
    count = min(rule.folds, len(order))
    kept = _kept(before, "fold", 1, rule.part(1))
    folds = _assign(order, dict.fromkeys(range(count), len(order)), kept | _known(own, "fold"))
    if rule.file:
        sides = _known(own, "split")
    else:
        fixed, tested, barred = _kept(before, "split", 0, *rule.older, rule.part(0)), None, set()
        if rule.fold is not None or rule.holdout_sites:
            tested = _tested(rule, folds, persons["site"])
            # A former test patient who is gone, or no longer chosen, must not leave a place for others.
            fixed = {name: side for name, side in fixed.items() if side != "test"} | dict.fromkeys(tested, "test")
        else:
            # With another share of val, train and val are assigned anew, and test stays as it was.
            seen = _kept(before, "split", 2, rule.part(2))
            fixed = {name: side for name, side in seen.items() if side == "test"} | fixed
            barred = seen.keys() - fixed.keys()
        sides = _assign(order, _quota(rule, len(order), None if tested is None else len(tested)), fixed, barred)
    lacking = sorted(set(SPLIT_NAMES) - set(sides.values()))
    if lacking:
        raise UserError(
            f"data/manifest.csv: no patient is left for {' and '.join(lacking)}; add patients, choose another fold, or "
            "delete data/ledger.csv to deal all anew"
        )
    table = manifest.groupby("patient")[["subject", "site"]].first().reset_index()
    table["split"], table["fold"] = table["subject"].map(sides), table["subject"].map(folds)
    return table[SPLITS_COLUMNS]


def add_to_ledger(before: pd.DataFrame | None, table: pd.DataFrame, rule: SplitRule) -> pd.DataFrame:
    """Add to the ledger; rows of absent patients, and of other recipes, are kept in case they return."""
    rows = table.assign(recipe=rule.recipe)[LEDGER_COLUMNS]
    rows = rows if before is None else pd.concat([before, rows])
    return rows.drop_duplicates(["subject", "recipe"], keep="last").sort_values(
        ["recipe", "subject"], ignore_index=True
    )


def _quota(rule: SplitRule, persons: int, tested: int | None) -> dict[str, int]:
    """Number of persons for each split; `tested` fixes that of the test split."""
    quota = {
        "test": max(1, round(rule.test * persons)) if tested is None else tested,
        "val": max(1, round(rule.val * persons)),
    }
    quota["train"] = persons - sum(quota.values())
    if quota["train"] < 1:
        raise UserError(
            f"data/manifest.csv: {persons} patients are too few for this split; lower split.val and split.test"
        )
    return quota


def _assign(
    order: Sequence[str], quota: Mapping[Any, int], fixed: Mapping[str, Any], barred: Collection[str] = ()
) -> dict[str, Any]:
    """Give every name, in order, the key of `quota` that is furthest behind its share so far.

    Args:
        order: names in order.
        quota: number of names for each key.
        fixed: names that already have a key.
        barred: names that must not get "test".
    """
    assigned = {name: fixed[name] for name in order if name in fixed}
    given = {group: sum(found == group for found in assigned.values()) for group in quota}
    for name in order:
        if name not in assigned:
            position = len(assigned) + 1
            allowed = [group for group in quota if group != "test" or name not in barred]
            free = [group for group in allowed if given[group] < quota[group]] or allowed
            behind = {group: quota[group] * position / len(order) - given[group] for group in free}
            assigned[name] = max(behind, key=lambda group: (behind[group], group if isinstance(group, str) else -group))
            given[assigned[name]] += 1
    return assigned


def _kept(before: pd.DataFrame | None, column: str, number: int, *parts: str) -> dict[str, Any]:
    """What recipes with one of these hashes in position `number` assigned to each person; the last one wins."""
    kept: dict[str, Any] = {}
    if before is not None:
        found = before["recipe"].str.split("-").str[number]
        for part in parts:
            if (found == part).any():
                kept |= _known(before[found == part], column)
    return kept


def _known(table: pd.DataFrame, column: str) -> dict[str, Any]:
    return table.dropna(subset=[column]).set_index("subject")[column].to_dict()


def _tested(rule: SplitRule, folds: Mapping[str, int], sites: pd.Series) -> list[str]:
    """Persons of the fold or sites that the rule tests on."""
    unknown = sorted(set(rule.holdout_sites) - set(sites))
    if unknown:
        raise UserError(
            f"params.yaml: split.holdout_sites: no patient is from {', '.join(unknown)}; "
            f"there are {', '.join(sorted(set(sites)))}"
        )
    return [name for name in sites.index if folds[name] == rule.fold or sites[name] in rule.holdout_sites]


def _hash(value: object) -> str:
    return hashlib.sha256(str(value).encode()).hexdigest()
