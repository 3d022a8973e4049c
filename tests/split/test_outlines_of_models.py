"""Whose reference began as a model's outline is trained on, and nothing is tested or chosen on it."""

from __future__ import annotations

import dataclasses

import pytest
from known_splits import MANIFEST, PERSONS, RULE, dealt, on

from components.common.errors import UserError
from components.split.assign import assign_splits
from components.split.ledger import add_to_ledger

LEARNED = {
    "inge": 1,
    "mona": 3,
    "anna": 1,
}  # slices whose reference a model began; without them, inge and mona are tested


def with_outlines(slices=LEARNED):
    return MANIFEST.assign(train_only=MANIFEST["subject"].map(slices).fillna(0).astype(int))


@pytest.mark.parametrize("way", [{}, {"fold": 2}, {"holdout_sites": ("B",)}])
def test_they_are_trained_on_and_others_are_tested(way):
    rule = dataclasses.replace(RULE, **way)
    splits = dealt(rule=rule, manifest=with_outlines())
    assert {splits[name] for name in LEARNED} == {"train"}
    assert on("test", splits)
    assert dealt(rule=rule, manifest=with_outlines({})) == dealt(rule=rule)


def test_who_was_tested_before_is_named_first_by_name():
    before = add_to_ledger(None, assign_splits(MANIFEST, RULE), RULE)
    with pytest.raises(UserError, match=r"a reference of inge began as a model's outline, and this person is in test"):
        assign_splits(with_outlines(), RULE, before)
    with pytest.raises(UserError, match=r"a reference of cora began .* in val already"):
        assign_splits(with_outlines({"inge": 1, "cora": 1}), RULE, before)


def test_a_split_of_one_s_own_does_not_test_them_either(tmp_path):
    rule = dataclasses.replace(RULE, file=str(tmp_path / "own.csv"))

    def write(**others):
        splits = dict.fromkeys(PERSONS, "train") | {"paul": "test", "olga": "val"} | others
        lines = [f"{row.patient},{splits[row.subject]}" for row in MANIFEST.itertuples()]
        (tmp_path / "own.csv").write_text("\n".join(["patient,split", *lines]), encoding="utf-8")

    write()
    assert on("test", dealt(rule=rule, manifest=with_outlines())) == "paul"
    for name, split in (("anna", "test"), ("mona", "val")):
        write(**{name: split})
        with pytest.raises(UserError, match=f"a reference of {name} began .* in {split} already"):
            assign_splits(with_outlines(), rule)
