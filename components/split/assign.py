"""Assign patients to train, val, test and folds: by person, balanced, and stable when patients are added."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from components.common.errors import UserError
from components.common.tables import SPLIT_NAMES, SPLITS_COLUMNS
from components.split.ledger import by_person, kept_assignments
from components.split.rule import SplitRule, text_hash
from components.split.user_file import read_own_split


def assign_splits(manifest: pd.DataFrame, rule: SplitRule, before: pd.DataFrame | None = None) -> pd.DataFrame:
    """Assign every patient to a split and to a fold, balanced over sites and tumour burden.

    Persons are ordered by site, then by terciles of tumour pixels, then by a seeded hash of their name. In that order,
    each goes to the split that is furthest behind its share, so that every run of similar patients is spread evenly.
    All examinations of a person stay together.

    Args:
        manifest: one row per slice; columns patient, subject, site, tumor_pixels and, optionally, train_only: persons
            with such a scan go to train, because its reference began as a model's outline.
        rule: how to split.
        before: all earlier assignments, one row per person and recipe, columns `LEDGER_COLUMNS`; a person listed there
            keeps the split and fold that the same recipe assigned.

    Returns:
        One row per patient, sorted by name, columns `SPLITS_COLUMNS`.

    Raises:
        UserError: too few patients for three splits; a site to hold out is unknown; a person who must go to train is in
            another split already; or the user's own split can't be used, see `read_own_split`.
    """
    persons = manifest.groupby("subject").agg(site=("site", "first"), burden=("tumor_pixels", "sum")).reset_index()
    train_only = set(manifest.loc[manifest["train_only"] > 0, "subject"]) if "train_only" in manifest else set()
    persons["third"] = (persons["burden"].rank(method="first") - 1) * 3 // len(persons)
    persons["hash"] = [text_hash(f"{rule.seed}/{name}") for name in persons["subject"]]
    persons = persons.sort_values(["site", "third", "hash"]).set_index("subject")
    order = list(persons.index)

    own = read_own_split(rule.file, manifest) if rule.file else pd.DataFrame(columns=["subject", "split", "fold"])
    count = min(rule.folds, len(order))
    kept = kept_assignments(before, "fold", 1, rule.part(1))
    folds = _assign(order, dict.fromkeys(range(count), len(order)), kept | by_person(own, "fold"))
    if rule.file:
        splits = by_person(own, "split")
        _check_train_only(train_only, splits)
    else:
        fixed, tested, not_test = kept_assignments(before, "split", 0, *rule.older, rule.part(0)), None, set()
        if rule.fold is not None or rule.holdout_sites:
            tested = [name for name in _tested(rule, folds, persons["site"]) if name not in train_only]
            # The test split is exactly `tested`: earlier test assignments no longer count.
            fixed = {name: split for name, split in fixed.items() if split != "test"} | dict.fromkeys(tested, "test")
        else:
            # With another fraction for val, train and val are assigned anew, and test stays as it was.
            seen = kept_assignments(before, "split", 2, rule.part(2))
            fixed = {name: split for name, split in seen.items() if split == "test"} | fixed
            not_test = seen.keys() - fixed.keys()
        fixed = dict.fromkeys(train_only, "train") | fixed
        _check_train_only(train_only, fixed)
        splits = _assign(order, _quota(rule, len(order), None if tested is None else len(tested)), fixed, not_test)
    lacking = sorted(set(SPLIT_NAMES) - set(splits.values()))
    if lacking:
        raise UserError(
            f"data/manifest.csv: no patient is left for {' and '.join(lacking)}; add patients, choose another fold, or "
            "delete data/ledger.csv to assign all patients anew"
        )
    table = manifest.groupby("patient")[["subject", "site"]].first().reset_index()
    table["split"], table["fold"] = table["subject"].map(splits), table["subject"].map(folds)
    return table[SPLITS_COLUMNS]


def _check_train_only(train_only: Collection[str], fixed: Mapping[str, str]) -> None:
    """Refuse val and test patients whose reference began as a model's outline: their scores would flatter the model."""
    conflicting = sorted(name for name in train_only if fixed[name] != "train")
    if conflicting:
        raise UserError(
            f"data/manifest.csv: a reference of {conflicting[0]} began as a model's outline, and this person is in "
            f"{fixed[conflicting[0]]} already; take the new scan out of the source, or adopt it with --test-too"
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
    order: Sequence[str], quota: Mapping[Any, int], fixed: Mapping[str, Any], not_test: Collection[str] = ()
) -> dict[str, Any]:
    """Give every name, in order, the key of `quota` that is furthest behind its share so far.

    Args:
        order: names in order.
        quota: number of names for each key.
        fixed: names that already have a key.
        not_test: names that must not get "test".
    """
    assigned = {name: fixed[name] for name in order if name in fixed}
    given = {group: sum(found == group for found in assigned.values()) for group in quota}
    for name in order:
        if name not in assigned:
            position = len(assigned) + 1
            allowed = [group for group in quota if group != "test" or name not in not_test]
            free = [group for group in allowed if given[group] < quota[group]] or allowed
            behind = {group: quota[group] * position / len(order) - given[group] for group in free}
            assigned[name] = max(behind, key=lambda group: (behind[group], group if isinstance(group, str) else -group))
            given[assigned[name]] += 1
    return assigned


def _tested(rule: SplitRule, folds: Mapping[str, int], sites: pd.Series) -> list[str]:
    """Persons of the fold or sites that the rule tests on."""
    unknown = sorted(set(rule.holdout_sites) - set(sites))
    if unknown:
        raise UserError(
            f"params.yaml: split.holdout_sites: no patient is from {', '.join(unknown)}; "
            f"there are {', '.join(sorted(set(sites)))}"
        )
    return [name for name in sites.index if folds[name] == rule.fold or sites[name] in rule.holdout_sites]
