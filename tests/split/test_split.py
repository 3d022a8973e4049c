"""How patients are assigned to splits and folds, by rule or by a user's file."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifests import RULE, manifest_of, splits_of

from components.common.errors import UserError
from components.common.tables import SPLIT_NAMES, SPLITS_COLUMNS
from components.split.assign import assign_splits
from components.split.ledger import add_to_ledger
from components.split.rule import SplitRule


@settings(max_examples=25)
@given(
    st.lists(st.integers(0, 10_000), min_size=6, max_size=80),
    st.floats(0.05, 0.4),
    st.floats(0.05, 0.4),
    st.integers(0, 1000),
)
def test_every_patient_is_in_one_split_and_the_shares_hold(burdens, val, test, seed):
    splits = assign_splits(manifest_of(burdens), SplitRule(val, test, 5, seed))
    assert list(splits) == SPLITS_COLUMNS
    assert splits["patient"].tolist() == [f"p{i:03d}" for i in range(len(burdens))]
    counts = splits["split"].value_counts()
    assert set(counts.index) == set(SPLIT_NAMES)
    assert counts["val"] == max(1, round(val * len(burdens)))
    assert counts["test"] == max(1, round(test * len(burdens)))
    folds = splits["fold"].value_counts()
    assert folds.max() - folds.min() <= 1


def test_sites_and_burdens_are_balanced_across_splits():
    splits = assign_splits(manifest_of(range(120), sites="ABC"), RULE)
    by_site = splits.groupby(["site", "split"]).size()
    assert by_site.loc[:, "test"].between(7, 9).all()
    burden = splits.assign(burden=range(120)).groupby("split")["burden"].mean()
    assert burden.max() - burden.min() < 12


def test_the_seed_determines_the_splits():
    manifest = manifest_of(range(60))
    first, again, other = (splits_of(assign_splits(manifest, SplitRule(0.2, 0.2, 5, seed))) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_order_of_rows_does_not_matter():
    manifest = manifest_of(range(30))
    shuffled = manifest.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(assign_splits(manifest, RULE), assign_splits(shuffled, RULE))


@settings(max_examples=20)
@given(st.integers(6, 60), st.integers(1, 60), st.integers(0, 100))
def test_nobody_changes_split_or_fold_when_patients_are_added(old, new, seed):
    rule = SplitRule(0.2, 0.2, 5, seed)
    everybody = manifest_of([i * 37 % 101 for i in range(old + new)], sites="ABC")
    first = manifest_of([0] * (old + new))["patient"].isin([f"p{i:03d}" for i in range(0, old)])
    before = assign_splits(everybody[first], rule)
    after = assign_splits(everybody, rule, add_to_ledger(None, before, rule))
    kept = after[after["patient"].isin(before["patient"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)
    counts = after["split"].value_counts()
    assert abs(counts["test"] - 0.2 * (old + new)) <= 1
    assert abs(counts["val"] - 0.2 * (old + new)) <= 1


def test_another_rule_reassigns_splits_and_keeps_folds():
    before = assign_splits(manifest_of(range(30)), RULE)
    more, shares = manifest_of(range(40)), SplitRule(val=0.1, test=0.4, folds=5, seed=1)
    after = assign_splits(more, shares, add_to_ledger(None, before, RULE))
    assert splits_of(after) == splits_of(assign_splits(more, shares))
    assert after["fold"].tolist()[:30] == before["fold"].tolist()


def test_examinations_of_one_person_stay_together():
    subjects = [f"s{i // 3}" for i in range(60)]
    splits = assign_splits(manifest_of(range(60), subjects=subjects), RULE)
    assert (splits.groupby("subject")["split"].nunique() == 1).all()
    assert (splits.groupby("subject")["fold"].nunique() == 1).all()
    assert set(splits["split"]) == set(SPLIT_NAMES)


def test_each_fold_is_the_test_split_once():
    manifest = manifest_of(range(33))
    tested = []
    for fold in range(5):
        splits = assign_splits(manifest, SplitRule(0.2, 0.2, 5, 1, fold=fold))
        assert (splits["split"] == "test").equals(splits["fold"] == fold)
        assert (splits["split"] == "val").sum() == round(0.2 * 33)
        tested += splits.loc[splits["split"] == "test", "patient"].tolist()
    assert sorted(tested) == manifest["patient"].unique().tolist()


def test_held_out_sites_are_the_test_split():
    splits = assign_splits(manifest_of(range(40), sites="ABCD"), SplitRule(0.2, 0.2, 5, 1, holdout_sites=("C", "D")))
    assert (splits["split"] == "test").equals(splits["site"].isin(["C", "D"]))
    assert (splits["split"] == "val").sum() == 8


def test_an_unknown_site_is_refused():
    with pytest.raises(UserError, match="no patient is from Z; there are A, B"):
        assign_splits(manifest_of(range(10)), SplitRule(0.2, 0.2, 5, 1, holdout_sites=("Z",)))


def rule_with_file(tmp_path, rows, columns=("patient", "split")):
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "own.csv", index=False)
    return SplitRule(0.2, 0.2, 2, 1, file=str(tmp_path / "own.csv"))


def test_a_user_split_file_is_followed(tmp_path):
    rows = [("p000", "test"), ("p001", "val"), ("p002", "train"), ("p003", "train"), ("gone", "test")]
    splits = assign_splits(manifest_of(range(4)), rule_with_file(tmp_path, rows))
    assert splits["split"].tolist() == ["test", "val", "train", "train"]
    rule = rule_with_file(tmp_path, [(*row, i % 2) for i, row in enumerate(rows)], ("patient", "split", "fold"))
    assert assign_splits(manifest_of(range(4)), rule)["fold"].tolist() == [0, 1, 0, 1]


def test_folds_of_a_user_file_are_not_mistaken_for_assigned_ones(tmp_path):
    rows = [(f"p{i:03d}", SPLIT_NAMES[i % 3], 0) for i in range(12)]
    rule = rule_with_file(tmp_path, rows, ("patient", "split", "fold"))
    ledger = add_to_ledger(None, assign_splits(manifest_of(range(12)), rule), rule)
    rule_without_file = SplitRule(0.2, 0.2, 2, 1)
    assert assign_splits(manifest_of(range(12)), rule_without_file, ledger)["fold"].nunique() == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("p000", "test"), ("p001", "val")], r"2 patient\(s\) of the source are not in it, p002 first"),
        (
            [("p000", "test"), ("p001", "val"), ("p002", "trian"), ("p003", "train")],
            "words other than train, val, test",
        ),
        ([(f"p00{i}", "train") for i in range(4)], "no patient is in test or val"),
        ([("p000", "test"), ("p001", "val"), ("p002", "train"), ("p003", "val")], "patient s1 is in 2 splits"),
    ],
)
def test_a_broken_user_split_is_refused(tmp_path, rows, message):
    manifest = manifest_of(range(4), subjects=["s0", "s0b", "s1", "s1"])
    with pytest.raises(UserError, match=message):
        assign_splits(manifest, rule_with_file(tmp_path, rows))


def test_a_split_file_that_is_not_a_table_is_refused(tmp_path):
    for text, message in (("a,b\n1,2\n", "lacks the column"), ("", "not readable")):
        (tmp_path / "own.csv").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=message):
            assign_splits(manifest_of(range(4)), SplitRule(0.2, 0.2, 2, 1, file=str(tmp_path / "own.csv")))
