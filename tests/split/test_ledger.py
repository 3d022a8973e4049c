"""What the ledger keeps, and by which part of a rule's recipe."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest
from known_splits import FOLDS, MANIFEST, PERSONS, RULE, dealt, on

from components.common.tables import LEDGER_COLUMNS
from components.split.assign import assign_splits
from components.split.ledger import add_to_ledger, kept_assignments
from components.split.rule import SplitRule


def test_recipes_in_ledgers_stay_what_they_are():
    assert RULE.recipe == "fd0ab6f7-2f6161de-9ae735c1"
    assert RULE.older[-1] == "1e67a69c"  # by which older ledgers are read
    assert SplitRule(0.1, 0.1, 4, seed=7).older[-1] == "8437e6e6"
    sites = [SplitRule(0.2, 0.25, 4, seed=7, holdout_sites=sites) for sites in (["B", "C"], ["C", "B", "B"])]
    assert len({rule.recipe for rule in sites}) == 1
    assert sites[0].older[-1] == "68bf2eb8"


def test_only_what_decides_the_sides_is_in_their_part_of_the_recipe():
    def differs(part, one, **other):
        return one.recipe.split("-")[part] != dataclasses.replace(one, **other).recipe.split("-")[part]

    fold, sites = (dataclasses.replace(RULE, **way) for way in ({"fold": 1}, {"holdout_sites": ["A"]}))
    own = dataclasses.replace(RULE, file="own.csv")
    for rule, decide in ((RULE, "val test seed"), (fold, "val folds fold seed"), (sites, "val seed"), (own, "")):
        for parameter, value in {"val": 0.3, "test": 0.3, "folds": 5, "seed": 8}.items():
            assert differs(0, rule, **{parameter: value}) == (parameter in decide.split()), (rule, parameter)
    assert not differs(2, RULE, val=0.3)
    assert differs(2, RULE, test=0.3)


def test_the_ledger_keeps_everybody_and_the_last_word_of_each_recipe():
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


def test_sides_and_folds_are_kept_each_by_its_own_part_of_the_recipe():
    ledger = add_to_ledger(None, assign_splits(MANIFEST, RULE), RULE)
    ledger["split"] = ledger["split"].replace({"train": "val", "val": "train"})
    ledger["fold"] = (ledger["fold"] + 1) % 4
    turned = dealt(before=ledger)
    assert on("val", turned) == "anna bert dora emil fred kurt lena olga paul"
    assert dealt("fold", before=ledger) == {name: (fold + 1) % 4 for name, fold in FOLDS.items()}
    shares = SplitRule(0.2, 0.3, 4, seed=7)  # other sides, the same folds
    assert dealt(rule=shares, before=ledger) == dealt(rule=shares)
    assert dealt("fold", shares, ledger) == {name: (fold + 1) % 4 for name, fold in FOLDS.items()}
    folds = SplitRule(0.2, 0.25, 5, seed=7)  # other folds, the same sides
    assert dealt(rule=folds, before=ledger) == turned
    assert dealt("fold", folds, ledger) == dealt("fold", folds)


def test_with_another_share_of_val_nobody_comes_into_test_or_leaves_it():
    ledger = add_to_ledger(None, assign_splits(MANIFEST, RULE), RULE)
    more = dataclasses.replace(RULE, val=0.4)
    assert on("test", dealt(rule=more)) != on("test", dealt())  # without the ledger
    sides = dealt(rule=more, before=ledger)
    assert on("test", sides) == on("test", dealt())
    assert len(on("val", sides).split()) == 6
    gone = MANIFEST[MANIFEST["subject"] != "inge"]  # who is tested on, and leaves no place to others
    assert on("test", dealt(rule=more, before=ledger, manifest=gone)) == "jens mona nils"


def older_ledger(*rules):
    """The ledger that a version before would have written: its recipes held the number of folds, and nothing more."""
    tables = [(assign_splits(MANIFEST, rule), rule) for rule in rules]
    rows = [table.assign(recipe=f"{rule.older[-1]}-{rule.part(1)}")[LEDGER_COLUMNS] for table, rule in tables]
    return pd.concat(rows).drop_duplicates(["subject", "recipe"]).sort_values(["recipe", "subject"], ignore_index=True)


@pytest.mark.parametrize("way", [{}, {"fold": 2}, {"holdout_sites": ("B",)}])
def test_an_older_ledger_is_believed_with_the_same_number_of_folds_and_with_another(way):
    rule = dataclasses.replace(RULE, **way)
    ledger = older_ledger(rule)
    assert ledger["recipe"].str.fullmatch("[0-9a-f]{8}-[0-9a-f]{8}").all()
    ledger["split"] = ledger["split"].replace({"train": "val", "val": "train"})
    turned = dict(zip(ledger["subject"], ledger["split"], strict=True))
    assert dealt(rule=rule, before=ledger) == turned
    if not way.get("fold"):
        assert dealt(rule=dataclasses.replace(rule, folds=9), before=ledger) == turned


@pytest.mark.parametrize("folds", [2, 100])
def test_an_older_ledger_of_the_fewest_or_the_most_folds_is_believed(folds):
    ledger = older_ledger(dataclasses.replace(RULE, folds=folds))
    ledger["split"] = ledger["split"].replace({"train": "val", "val": "train"})
    assert dealt(before=ledger) == dict(zip(ledger["subject"], ledger["split"], strict=True))


def test_only_the_recipe_that_is_asked_for_is_read():
    rows = [("anna", "aaaa-1", 0), ("bert", "bbbb-1", 1), ("cora", "cccc-1", 2)]
    ledger = pd.DataFrame(rows, columns=["subject", "recipe", "fold"])
    assert kept_assignments(ledger, "fold", 0, "bbbb") == {"bert": 1}


def test_of_several_older_ledgers_the_one_of_todays_number_of_folds_has_the_say():
    turned = older_ledger(dataclasses.replace(RULE, folds=5))
    turned["split"] = turned["split"].replace({"train": "val", "val": "train"})
    both = pd.concat([older_ledger(RULE), turned], ignore_index=True)
    assert dealt(before=both) == dealt()
    assert dealt(rule=dataclasses.replace(RULE, folds=5), before=both) != dealt()
    known = both[both["recipe"].str.startswith(RULE.older[-1]) & both["subject"].isin(PERSONS[:9])]
    rest = both[both["recipe"].str.startswith(dataclasses.replace(RULE, folds=5).older[-1])]
    mixed = dealt(before=pd.concat([known, rest]))
    assert {name: mixed[name] for name in PERSONS[:9]} == {name: dealt()[name] for name in PERSONS[:9]}
