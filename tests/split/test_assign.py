"""Assignment to splits, against known answers: changing it would move patients between the splits of models in use."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_splits import FOLDS, MANIFEST, PERSONS, assigned, names_in, shares

from components.common.errors import UserError
from components.split import assign
from components.split.assign import assign_splits
from components.split.ledger import add_to_ledger
from components.split.rule import SplitRule


def test_the_same_persons_always_get_the_same_splits():
    splits = assigned()
    assert names_in("test", splits) == "inge jens mona nils"
    assert names_in("val", splits) == "cora gina hans"
    assert names_in("train", splits) == "anna bert dora emil fred kurt lena olga paul"


def test_the_same_persons_always_get_the_same_folds():
    assert assigned("fold") == FOLDS


def test_with_a_test_fold_the_splits_are_always_the_same():
    splits = assigned(rule=SplitRule(0.2, 0.25, 4, seed=7, fold=2))
    assert names_in("test", splits) == names_in(2, FOLDS) == "anna inge kurt nils"
    assert names_in("val", splits) == "bert dora olga"


def test_with_more_folds_than_persons_each_person_gets_a_fold():
    five = MANIFEST[MANIFEST["subject"].isin(PERSONS[:5])]
    assert sorted(assigned("fold", SplitRule(0.2, 0.2, 9, seed=7), manifest=five).values()) == [0, 1, 2, 3, 4]


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 99)), min_size=12, max_size=30),
    st.lists(st.tuples(shares, st.integers(2, 12)), min_size=2, max_size=4),
    st.integers(0, 3),
)
def test_test_patients_stay_in_test_when_val_folds_or_patients_change(persons, changes, new):
    rows = [
        {"patient": f"p{i}", "subject": f"p{i}", "site": site, "tumor_pixels": pixels}
        for i, (site, pixels) in enumerate(persons)
    ]
    ledger, known, tested = None, [row["patient"] for row in rows[: len(rows) - new]], set()
    for number, (val, folds) in enumerate(changes):
        rule = SplitRule(val, 0.25, folds, seed=7)
        table = assign_splits(pd.DataFrame(rows if number else rows[: len(known)]), rule, ledger)
        splits = table.set_index("subject")["split"]
        found = {name for name in known if splits[name] == "test"}
        assert found == tested or not number
        tested = found
        ledger = add_to_ledger(ledger, table, rule)


def test_held_out_sites_are_the_test_split_whatever_the_ledger_says():
    rule = SplitRule(0.2, 0.25, 4, seed=7, holdout_sites=("B",))
    first = assign_splits(MANIFEST, rule)
    assert names_in("test", assigned(rule=rule)) == "bert emil hans kurt nils"
    ledger = add_to_ledger(None, first, rule)
    ledger["split"] = ledger["split"].replace({"test": "train"})
    assert assigned(rule=rule, before=ledger) == assigned(rule=rule)
    with pytest.raises(UserError, match="no patient is from D, Z; there are A, B, C"):
        assigned(rule=SplitRule(0.2, 0.25, 4, seed=7, holdout_sites=("Z", "A", "D")))


def test_only_the_chosen_fold_is_tested_and_the_others_keep_their_splits():
    rule = SplitRule(0.2, 0.25, 4, seed=7, fold=2)
    ledger = add_to_ledger(None, assign_splits(MANIFEST, rule), rule)
    ledger["split"] = ledger["split"].replace({"train": "val", "val": "train"})
    ledger.loc[ledger["subject"] == "bert", "split"] = "test"  # but in fold 1
    splits = assigned(rule=rule, before=ledger)
    assert names_in("test", splits) == names_in(2, FOLDS)
    assert names_in("train", splits) == "bert dora olga"


def test_persons_gone_from_held_out_sites_are_not_replaced_in_test():
    rule = SplitRule(0.2, 0.25, 4, seed=7, holdout_sites=("B",))
    ledger = add_to_ledger(None, assign_splits(MANIFEST, rule), rule)
    remaining = MANIFEST[~MANIFEST["subject"].isin(["bert", "emil", "hans"])]
    new = [{"patient": name, "subject": name, "site": "A", "tumor_pixels": 50} for name in ("quin", "rosa", "sven")]
    splits = assigned(rule=rule, before=ledger, manifest=pd.concat([remaining, pd.DataFrame(new)]))
    assert names_in("test", splits) == "kurt nils"
    ledger.loc[ledger["subject"] == "anna", "split"] = "test"  # as if anna had belonged to site B then
    assert names_in("test", assigned(rule=rule, before=ledger)) == "bert emil hans kurt nils"


def test_three_persons_are_enough_and_two_are_not():
    three = MANIFEST[MANIFEST["subject"].isin(PERSONS[:3])]
    assert sorted(assigned(rule=SplitRule(0.4, 0.4, 2, 1), manifest=three).values()) == ["test", "train", "val"]
    with pytest.raises(
        UserError, match=r"^data/manifest\.csv: 2 patients are too few for this split; lower split\.val"
    ):
        assigned(rule=SplitRule(0.4, 0.4, 2, 1), manifest=MANIFEST[MANIFEST["subject"].isin(PERSONS[:2])])


def test_with_test_barred_unfilled_splits_are_filled_before_any_overflows():
    """The quota is seven for train and one for val; the two test patients are gone, and nobody may replace them."""
    names = [f"p{number}" for number in range(10)]
    fixed = dict.fromkeys(names[:6], "train") | {"p6": "val"}
    found = assign._assign(names, {"test": 2, "val": 1, "train": 7}, fixed, not_test=names)
    assert found["p7"] == "train"
    overfull = dict.fromkeys(names[:7], "train") | dict.fromkeys(names[7:9], "val")
    assert assign._assign(names, {"test": 1, "val": 1, "train": 7}, overfull, not_test=names)["p9"] == "train"
