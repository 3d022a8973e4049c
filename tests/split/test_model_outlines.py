"""Persons whose reference began as a model's outline are trained on, and never used to test or choose a model."""

from __future__ import annotations

import dataclasses

import pytest
from known_splits import MANIFEST, PERSONS, RULE, assigned, names_in

from components.common.errors import UserError
from components.split.assign import assign_splits
from components.split.ledger import add_to_ledger

MODEL_OUTLINES = {
    "inge": 1,
    "mona": 3,
    "anna": 1,
}  # slices whose reference a model began; without them, inge and mona are tested


def with_outlines(slices=MODEL_OUTLINES):
    return MANIFEST.assign(train_only=MANIFEST["subject"].map(slices).fillna(0).astype(int))


@pytest.mark.parametrize("changes", [{}, {"fold": 2}, {"holdout_sites": ("B",)}])
def test_persons_with_model_outlines_go_to_train_and_others_to_test(changes):
    rule = dataclasses.replace(RULE, **changes)
    splits = assigned(rule=rule, manifest=with_outlines())
    assert {splits[name] for name in MODEL_OUTLINES} == {"train"}
    assert names_in("test", splits)
    assert assigned(rule=rule, manifest=with_outlines({})) == assigned(rule=rule)


def test_a_model_outline_of_a_person_already_in_test_or_val_is_refused():
    before = add_to_ledger(None, assign_splits(MANIFEST, RULE), RULE)
    with pytest.raises(UserError, match=r"a reference of inge began as a model's outline, and this person is in test"):
        assign_splits(with_outlines(), RULE, before)
    with pytest.raises(UserError, match=r"a reference of cora began .* in val already"):
        assign_splits(with_outlines({"inge": 1, "cora": 1}), RULE, before)


def test_a_user_split_file_can_not_test_on_model_outlines(tmp_path):
    rule = dataclasses.replace(RULE, file=str(tmp_path / "own.csv"))

    def write(**others):
        splits = dict.fromkeys(PERSONS, "train") | {"paul": "test", "olga": "val"} | others
        lines = [f"{row.patient},{splits[row.subject]}" for row in MANIFEST.itertuples()]
        (tmp_path / "own.csv").write_text("\n".join(["patient,split", *lines]), encoding="utf-8")

    write()
    assert names_in("test", assigned(rule=rule, manifest=with_outlines())) == "paul"
    for name, split in (("anna", "test"), ("mona", "val")):
        write(**{name: split})
        with pytest.raises(UserError, match=f"a reference of {name} began .* in {split} already"):
            assign_splits(with_outlines(), rule)
