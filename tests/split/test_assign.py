"""The deal itself, by known answers: a change of it would move patients between the sides of models in use."""

from __future__ import annotations

import pandas as pd
import pytest

from components.common.errors import UserError
from components.common.tables import LEDGER_COLUMNS
from components.split.assign import Rule, add_to_ledger, split_patients

PERSONS = ("anna", "bert", "cora", "dora", "emil", "fred", "gina", "hans")
PERSONS += ("inge", "jens", "kurt", "lena", "mona", "nils", "olga", "paul")
MANIFEST = pd.DataFrame(
    [
        {"patient": f"{name}-{n}", "subject": name, "site": "ABC"[i % 3], "tumor_pixels": (i * 37 + n) % 23 * 10}
        for i, name in enumerate(PERSONS)
        for n in range(1 + i % 2)
    ]
)
RULE = Rule(val=0.2, test=0.25, folds=4, seed=7)
FOLDS = dict(zip(PERSONS, [2, 1, 0, 0, 0, 3, 3, 3, 2, 1, 2, 3, 1, 2, 1, 0], strict=True))


def dealt(column="split", rule=RULE, before=None, manifest=MANIFEST):
    """What each person gets."""
    table = split_patients(manifest, rule, before)
    assert (table.groupby("subject")[column].nunique() == 1).all()
    return table.groupby("subject")[column].first().to_dict()


def on(side, sides):
    return " ".join(name for name, found in sides.items() if found == side)


def test_the_same_persons_are_dealt_the_same_sides_for_ever():
    sides = dealt()
    assert on("test", sides) == "inge jens mona nils"
    assert on("val", sides) == "cora gina hans"
    assert on("train", sides) == "anna bert dora emil fred kurt lena olga paul"


def test_the_same_persons_are_dealt_the_same_folds_for_ever():
    assert dealt("fold") == FOLDS


def test_a_fold_is_tested_on_and_the_rest_dealt_the_same_for_ever():
    sides = dealt(rule=Rule(0.2, 0.25, 4, seed=7, fold=2))
    assert on("test", sides) == on(2, FOLDS) == "anna inge kurt nils"
    assert on("val", sides) == "bert dora olga"


def test_recipes_in_ledgers_stay_what_they_are():
    assert RULE.recipe == "1e67a69c-2f6161de"
    assert Rule(0.1, 0.1, 4, seed=7).recipe == "8437e6e6-2f6161de"
    sites = {Rule(0.2, 0.25, 4, seed=7, holdout_sites=sites).recipe for sites in (["B", "C"], ["C", "B"])}
    assert sites == {"68bf2eb8-2f6161de"}


def test_more_folds_than_persons_are_one_a_person():
    few = MANIFEST[MANIFEST["subject"].isin(PERSONS[:5])]
    assert sorted(dealt("fold", Rule(0.2, 0.2, 9, seed=7), manifest=few).values()) == [0, 1, 2, 3, 4]


def test_the_ledger_keeps_everybody_and_the_last_word_of_each_recipe():
    first = split_patients(MANIFEST, RULE)
    ledger = add_to_ledger(None, first, RULE)
    assert list(ledger) == LEDGER_COLUMNS
    assert ledger["subject"].tolist() == list(PERSONS)
    other = Rule(0.1, 0.1, 4, seed=7)
    both = add_to_ledger(ledger, first.head(3), other)
    assert both["recipe"].tolist() == [RULE.recipe] * 16 + [other.recipe] * 2
    assert both.index.tolist() == list(range(18))
    moved = add_to_ledger(both, first.assign(split="val"), RULE)
    assert moved.loc[moved["recipe"] == RULE.recipe, "split"].tolist() == ["val"] * 16
    assert moved.loc[moved["recipe"] == other.recipe].equals(both.tail(2))


def test_sides_and_folds_are_kept_each_by_its_own_part_of_the_recipe():
    ledger = add_to_ledger(None, split_patients(MANIFEST, RULE), RULE)
    ledger["split"] = ledger["split"].replace({"train": "val", "val": "train"})
    ledger["fold"] = (ledger["fold"] + 1) % 4
    turned = dealt(before=ledger)
    assert on("val", turned) == "anna bert dora emil fred kurt lena olga paul"
    assert dealt("fold", before=ledger) == {name: (fold + 1) % 4 for name, fold in FOLDS.items()}
    shares = Rule(0.2, 0.3, 4, seed=7)  # other sides, the same folds
    assert dealt(rule=shares, before=ledger) == dealt(rule=shares)
    assert dealt("fold", shares, ledger) == {name: (fold + 1) % 4 for name, fold in FOLDS.items()}
    folds = Rule(0.2, 0.25, 5, seed=7)  # both are others
    assert dealt(rule=folds, before=ledger) == dealt(rule=folds)
    assert dealt("fold", folds, ledger) == dealt("fold", folds)


def test_held_out_sites_are_tested_on_whoever_was_on_which_side_before():
    rule = Rule(0.2, 0.25, 4, seed=7, holdout_sites=("B",))
    first = split_patients(MANIFEST, rule)
    assert on("test", dealt(rule=rule)) == "bert emil hans kurt nils"
    ledger = add_to_ledger(None, first, rule)
    ledger["split"] = ledger["split"].replace({"test": "train"})
    assert dealt(rule=rule, before=ledger) == dealt(rule=rule)
    with pytest.raises(UserError, match="no patient is from D, Z; there are A, B, C"):
        dealt(rule=Rule(0.2, 0.25, 4, seed=7, holdout_sites=("Z", "A", "D")))


def test_of_a_fold_nobody_else_is_tested_on_and_the_others_keep_their_sides():
    rule = Rule(0.2, 0.25, 4, seed=7, fold=2)
    ledger = add_to_ledger(None, split_patients(MANIFEST, rule), rule)
    ledger["split"] = ledger["split"].replace({"train": "val", "val": "train"})
    ledger.loc[ledger["subject"] == "bert", "split"] = "test"  # but of fold 1
    sides = dealt(rule=rule, before=ledger)
    assert on("test", sides) == on(2, FOLDS)
    assert on("train", sides) == "bert dora olga"


def test_of_held_out_sites_those_who_are_gone_leave_no_place_to_others():
    rule = Rule(0.2, 0.25, 4, seed=7, holdout_sites=("B",))
    ledger = add_to_ledger(None, split_patients(MANIFEST, rule), rule)
    here = MANIFEST[~MANIFEST["subject"].isin(["bert", "emil", "hans"])]
    new = [{"patient": name, "subject": name, "site": "A", "tumor_pixels": 50} for name in ("quin", "rosa", "sven")]
    sides = dealt(rule=rule, before=ledger, manifest=pd.concat([here, pd.DataFrame(new)]))
    assert on("test", sides) == "kurt nils"
    ledger.loc[ledger["subject"] == "anna", "split"] = "test"  # and was of site B then
    assert on("test", dealt(rule=rule, before=ledger)) == "bert emil hans kurt nils"


def test_three_persons_are_enough_and_two_are_not():
    three = MANIFEST[MANIFEST["subject"].isin(PERSONS[:3])]
    assert sorted(dealt(rule=Rule(0.4, 0.4, 2, 1), manifest=three).values()) == ["test", "train", "val"]
    with pytest.raises(
        UserError, match=r"^data/manifest\.csv: 2 patients are too few for this split; lower split\.val"
    ):
        dealt(rule=Rule(0.4, 0.4, 2, 1), manifest=MANIFEST[MANIFEST["subject"].isin(PERSONS[:2])])
