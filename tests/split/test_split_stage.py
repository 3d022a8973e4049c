"""The stage: manifest, ledger and splits as files."""

from __future__ import annotations

import pytest
from manifests import RULE, manifest_of, sides_of

from components.common.errors import UserError
from components.common.tables import MANIFEST_COLUMNS, read_manifest, read_splits
from components.split.assign import assign_splits
from components.split.rule import SplitRule
from components.split.stage import split


def write_manifest(folder, patients):
    manifest_of(range(patients)).reindex(columns=MANIFEST_COLUMNS).to_csv(folder / "manifest.csv", index=False)


def places(folder):
    return [folder / name for name in ("manifest.csv", "splits.csv", "ledger.csv")]


def test_the_stage_goes_on_from_its_ledger(tmp_path):
    write_manifest(tmp_path, 20)
    first = split(*places(tmp_path), RULE)
    write_manifest(tmp_path, 30)
    split(*places(tmp_path), RULE)
    kept = read_splits(tmp_path / "splits.csv").head(20)
    assert kept["split"].tolist() == first["split"].tolist()


def test_who_was_away_comes_back_to_the_same_side(tmp_path):
    """Else a night in quarantine would bring a test patient to the training side."""
    write_manifest(tmp_path, 30)
    first = sides_of(split(*places(tmp_path), RULE))
    away = [patient for patient, side in first.items() if side == "test"][:3]
    manifest = read_manifest(tmp_path / "manifest.csv")
    everybody = manifest_of(range(36)).reindex(columns=MANIFEST_COLUMNS)
    everybody[~everybody["patient"].isin(away)].to_csv(tmp_path / "manifest.csv", index=False)
    assert not set(away) & set(sides_of(split(*places(tmp_path), RULE)))
    everybody.to_csv(tmp_path / "manifest.csv", index=False)
    last = sides_of(split(*places(tmp_path), RULE))
    assert {patient: last[patient] for patient in first} == first
    assert len(manifest) == 60


def test_a_rule_of_before_finds_its_sides_again(tmp_path):
    write_manifest(tmp_path, 30)
    first = sides_of(split(*places(tmp_path), RULE))
    split(*places(tmp_path), SplitRule(0.3, 0.3, 5, seed=1))
    write_manifest(tmp_path, 33)
    last = sides_of(split(*places(tmp_path), RULE))
    assert {patient: last[patient] for patient in first} == first


def test_a_side_that_would_be_empty_is_refused(tmp_path):
    write_manifest(tmp_path, 12)
    first = sides_of(split(*places(tmp_path), RULE))
    left = manifest_of(range(12)).reindex(columns=MANIFEST_COLUMNS)
    left[left["patient"].map(first) != "val"].to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(UserError, match="no patient is left for val; add patients"):
        split(*places(tmp_path), RULE)
    with pytest.raises(UserError, match="no patient is left for test"):
        assign_splits(manifest_of(range(4)), SplitRule(0.2, 0.2, 5, 1, fold=4))


def test_a_ledger_of_another_kind_is_not_overwritten(tmp_path):
    write_manifest(tmp_path, 20)
    (tmp_path / "ledger.csv").write_text("patient,split\np000,test\n", encoding="utf-8")
    with pytest.raises(UserError, match="delete it to assign all patients anew"):
        split(*places(tmp_path), RULE)


def test_too_few_patients_are_refused():
    with pytest.raises(UserError, match="too few"):
        assign_splits(manifest_of([1, 2]), SplitRule(0.4, 0.4, 2, 1))


def test_a_table_without_its_columns_is_refused(tmp_path):
    (tmp_path / "manifest.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UserError, match="lacks the column"):
        split(tmp_path / "manifest.csv", tmp_path / "splits.csv", tmp_path / "ledger.csv", RULE)
