"""The deal itself, by known answers: a change of it would move patients between the sides of models in use."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_splits import FOLDS, MANIFEST, PERSONS, dealt, on, shares

from components.common.errors import UserError
from components.split import assign
from components.split.assign import assign_splits
from components.split.ledger import add_to_ledger
from components.split.rule import SplitRule


def test_the_same_persons_are_dealt_the_same_sides_for_ever():
    sides = dealt()
    assert on("test", sides) == "inge jens mona nils"
    assert on("val", sides) == "cora gina hans"
    assert on("train", sides) == "anna bert dora emil fred kurt lena olga paul"


def test_the_same_persons_are_dealt_the_same_folds_for_ever():
    assert dealt("fold") == FOLDS


def test_a_fold_is_tested_on_and_the_rest_dealt_the_same_for_ever():
    sides = dealt(rule=SplitRule(0.2, 0.25, 4, seed=7, fold=2))
    assert on("test", sides) == on(2, FOLDS) == "anna inge kurt nils"
    assert on("val", sides) == "bert dora olga"


def test_more_folds_than_persons_are_one_a_person():
    few = MANIFEST[MANIFEST["subject"].isin(PERSONS[:5])]
    assert sorted(dealt("fold", SplitRule(0.2, 0.2, 9, seed=7), manifest=few).values()) == [0, 1, 2, 3, 4]


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 99)), min_size=12, max_size=30),
    st.lists(st.tuples(shares, st.integers(2, 12)), min_size=2, max_size=4),
    st.integers(0, 3),
)
def test_test_patients_stay_test_patients_whatever_else_is_turned_and_whoever_comes(persons, turns, new):
    rows = [
        {"patient": f"p{i}", "subject": f"p{i}", "site": site, "tumor_pixels": pixels}
        for i, (site, pixels) in enumerate(persons)
    ]
    ledger, known, tested = None, [row["patient"] for row in rows[: len(rows) - new]], set()
    for number, (val, folds) in enumerate(turns):
        rule = SplitRule(val, 0.25, folds, seed=7)
        table = assign_splits(pd.DataFrame(rows if number else rows[: len(known)]), rule, ledger)
        sides = table.set_index("subject")["split"]
        found = {name for name in known if sides[name] == "test"}
        assert found == tested or not number
        tested = found
        ledger = add_to_ledger(ledger, table, rule)


def test_held_out_sites_are_tested_on_whoever_was_on_which_side_before():
    rule = SplitRule(0.2, 0.25, 4, seed=7, holdout_sites=("B",))
    first = assign_splits(MANIFEST, rule)
    assert on("test", dealt(rule=rule)) == "bert emil hans kurt nils"
    ledger = add_to_ledger(None, first, rule)
    ledger["split"] = ledger["split"].replace({"test": "train"})
    assert dealt(rule=rule, before=ledger) == dealt(rule=rule)
    with pytest.raises(UserError, match="no patient is from D, Z; there are A, B, C"):
        dealt(rule=SplitRule(0.2, 0.25, 4, seed=7, holdout_sites=("Z", "A", "D")))


def test_of_a_fold_nobody_else_is_tested_on_and_the_others_keep_their_sides():
    rule = SplitRule(0.2, 0.25, 4, seed=7, fold=2)
    ledger = add_to_ledger(None, assign_splits(MANIFEST, rule), rule)
    ledger["split"] = ledger["split"].replace({"train": "val", "val": "train"})
    ledger.loc[ledger["subject"] == "bert", "split"] = "test"  # but of fold 1
    sides = dealt(rule=rule, before=ledger)
    assert on("test", sides) == on(2, FOLDS)
    assert on("train", sides) == "bert dora olga"


def test_of_held_out_sites_those_who_are_gone_leave_no_place_to_others():
    rule = SplitRule(0.2, 0.25, 4, seed=7, holdout_sites=("B",))
    ledger = add_to_ledger(None, assign_splits(MANIFEST, rule), rule)
    here = MANIFEST[~MANIFEST["subject"].isin(["bert", "emil", "hans"])]
    new = [{"patient": name, "subject": name, "site": "A", "tumor_pixels": 50} for name in ("quin", "rosa", "sven")]
    sides = dealt(rule=rule, before=ledger, manifest=pd.concat([here, pd.DataFrame(new)]))
    assert on("test", sides) == "kurt nils"
    ledger.loc[ledger["subject"] == "anna", "split"] = "test"  # and was of site B then
    assert on("test", dealt(rule=rule, before=ledger)) == "bert emil hans kurt nils"


def test_three_persons_are_enough_and_two_are_not():
    three = MANIFEST[MANIFEST["subject"].isin(PERSONS[:3])]
    assert sorted(dealt(rule=SplitRule(0.4, 0.4, 2, 1), manifest=three).values()) == ["test", "train", "val"]
    with pytest.raises(
        UserError, match=r"^data/manifest\.csv: 2 patients are too few for this split; lower split\.val"
    ):
        dealt(rule=SplitRule(0.4, 0.4, 2, 1), manifest=MANIFEST[MANIFEST["subject"].isin(PERSONS[:2])])


def test_where_nobody_may_be_tested_the_other_splits_are_filled_before_one_gets_more():
    """Seven are for train and one for val; the two of test are gone, and nobody may take their places."""
    names = [f"p{number}" for number in range(10)]
    fixed = dict.fromkeys(names[:6], "train") | {"p6": "val"}
    found = assign._assign(names, {"test": 2, "val": 1, "train": 7}, fixed, barred=names)
    assert found["p7"] == "train"
    over = dict.fromkeys(names[:7], "train") | dict.fromkeys(names[7:9], "val")
    assert assign._assign(names, {"test": 1, "val": 1, "train": 7}, over, barred=names)["p9"] == "train"
