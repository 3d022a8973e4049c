"""What the ledger keeps, and under which part of a rule's recipe."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest
from known_splits import FOLDS, MANIFEST, PERSONS, RULE, assigned, names_in

from components.common.tables import LEDGER_COLUMNS
from components.split.assign import assign_splits
from components.split.ledger import add_to_ledger, kept_assignments
from components.split.rule import SplitRule


def test_ledger_recipes_never_change():
    assert RULE.recipe == "fd0ab6f7-2f6161de-9ae735c1"
    assert RULE.older[-1] == "1e67a69c"  # older ledgers are read by it
    assert SplitRule(0.1, 0.1, 4, seed=7).older[-1] == "8437e6e6"
    sites = [SplitRule(0.2, 0.25, 4, seed=7, holdout_sites=sites) for sites in (["B", "C"], ["C", "B", "B"])]
    assert len({rule.recipe for rule in sites}) == 1
    assert sites[0].older[-1] == "68bf2eb8"


def test_the_split_parts_of_the_recipe_hold_only_what_decides_the_splits():
    def differs(part, one, **other):
        return one.recipe.split("-")[part] != dataclasses.replace(one, **other).recipe.split("-")[part]

    fold, sites = (dataclasses.replace(RULE, **changes) for changes in ({"fold": 1}, {"holdout_sites": ["A"]}))
    own = dataclasses.replace(RULE, file="own.csv")
    for rule, deciding in ((RULE, "val test seed"), (fold, "val folds fold seed"), (sites, "val seed"), (own, "")):
        for parameter, value in {"val": 0.3, "test": 0.3, "folds": 5, "seed": 8}.items():
            assert differs(0, rule, **{parameter: value}) == (parameter in deciding.split()), (rule, parameter)
    assert not differs(2, RULE, val=0.3)
    assert differs(2, RULE, test=0.3)


def test_the_ledger_keeps_everybody_and_the_latest_split_per_recipe():
    first = assign_splits(MANIFEST, RULE)
    ledger = add_to_ledger(None, first, RULE)
    assert list(ledger) == LEDGER_COLUMNS
    assert ledger["subject"].tolist() == list(PERSONS)
    other = SplitRule(0.1, 0.1, 4, seed=7)
    both = add_to_ledger(ledger, first.head(3), other)
    assert both["recipe"].tolist() == [other.recipe] * 2 + [RULE.recipe] * 16
    assert both.index.tolist() == list(range(18))
    moved = add_to_ledger(both, first.assign(split="val"), RULE)
    assert moved.loc[moved["recipe"] == RULE.recipe, "split"].tolist() == ["val"] * 16
    assert moved.loc[moved["recipe"] == other.recipe].equals(both.head(2))


def test_splits_and_folds_are_kept_by_their_own_parts_of_the_recipe():
    ledger = add_to_ledger(None, assign_splits(MANIFEST, RULE), RULE)
    ledger["split"] = ledger["split"].replace({"train": "val", "val": "train"})
    ledger["fold"] = (ledger["fold"] + 1) % 4
    swapped = assigned(before=ledger)
    assert names_in("val", swapped) == "anna bert dora emil fred kurt lena olga paul"
    assert assigned("fold", before=ledger) == {name: (fold + 1) % 4 for name, fold in FOLDS.items()}
    shares = SplitRule(0.2, 0.3, 4, seed=7)  # other splits, the same folds
    assert assigned(rule=shares, before=ledger) == assigned(rule=shares)
    assert assigned("fold", shares, ledger) == {name: (fold + 1) % 4 for name, fold in FOLDS.items()}
    folds = SplitRule(0.2, 0.25, 5, seed=7)  # other folds, the same splits
    assert assigned(rule=folds, before=ledger) == swapped
    assert assigned("fold", folds, ledger) == assigned("fold", folds)


def test_changing_the_val_share_moves_nobody_into_or_out_of_test():
    ledger = add_to_ledger(None, assign_splits(MANIFEST, RULE), RULE)
    more = dataclasses.replace(RULE, val=0.4)
    assert names_in("test", assigned(rule=more)) != names_in("test", assigned())  # without the ledger
    splits = assigned(rule=more, before=ledger)
    assert names_in("test", splits) == names_in("test", assigned())
    assert len(names_in("val", splits).split()) == 6
    gone = MANIFEST[MANIFEST["subject"] != "inge"]  # a test patient, whom nobody replaces
    assert names_in("test", assigned(rule=more, before=ledger, manifest=gone)) == "jens mona nils"


def older_ledger(*rules):
    """A ledger as earlier versions wrote it: the split hash included `folds`, and there was no third hash."""
    tables = [(assign_splits(MANIFEST, rule), rule) for rule in rules]
    rows = [table.assign(recipe=f"{rule.older[-1]}-{rule.part(1)}")[LEDGER_COLUMNS] for table, rule in tables]
    return pd.concat(rows).drop_duplicates(["subject", "recipe"]).sort_values(["recipe", "subject"], ignore_index=True)


@pytest.mark.parametrize("changes", [{}, {"fold": 2}, {"holdout_sites": ("B",)}])
def test_an_older_ledger_is_used_with_the_same_or_another_number_of_folds(changes):
    rule = dataclasses.replace(RULE, **changes)
    ledger = older_ledger(rule)
    assert ledger["recipe"].str.fullmatch("[0-9a-f]{8}-[0-9a-f]{8}").all()
    ledger["split"] = ledger["split"].replace({"train": "val", "val": "train"})
    swapped = dict(zip(ledger["subject"], ledger["split"], strict=True))
    assert assigned(rule=rule, before=ledger) == swapped
    if not changes.get("fold"):
        assert assigned(rule=dataclasses.replace(rule, folds=9), before=ledger) == swapped


@pytest.mark.parametrize("folds", [2, 100])
def test_an_older_ledger_with_the_fewest_or_most_folds_is_used(folds):
    ledger = older_ledger(dataclasses.replace(RULE, folds=folds))
    ledger["split"] = ledger["split"].replace({"train": "val", "val": "train"})
    assert assigned(before=ledger) == dict(zip(ledger["subject"], ledger["split"], strict=True))


def test_only_the_requested_recipe_is_read():
    rows = [("anna", "aaaa-1", 0), ("bert", "bbbb-1", 1), ("cora", "cccc-1", 2)]
    ledger = pd.DataFrame(rows, columns=["subject", "recipe", "fold"])
    assert kept_assignments(ledger, "fold", 0, "bbbb") == {"bert": 1}


def test_among_older_ledgers_the_one_with_the_current_folds_wins():
    swapped = older_ledger(dataclasses.replace(RULE, folds=5))
    swapped["split"] = swapped["split"].replace({"train": "val", "val": "train"})
    both = pd.concat([older_ledger(RULE), swapped], ignore_index=True)
    assert assigned(before=both) == assigned()
    assert assigned(rule=dataclasses.replace(RULE, folds=5), before=both) != assigned()
    known = both[both["recipe"].str.startswith(RULE.older[-1]) & both["subject"].isin(PERSONS[:9])]
    rest = both[both["recipe"].str.startswith(dataclasses.replace(RULE, folds=5).older[-1])]
    mixed = assigned(before=pd.concat([known, rest]))
    assert {name: mixed[name] for name in PERSONS[:9]} == {name: assigned()[name] for name in PERSONS[:9]}
