"""The split stage, which reads a manifest and a ledger and writes the splits."""

from __future__ import annotations

import pandas as pd
import pytest
from manifests import RULE, manifest_of, splits_of

from components.common.errors import UserError
from components.common.tables import MANIFEST_COLUMNS, read_splits
from components.split.assign import assign_splits
from components.split.rule import SplitRule
from components.split.stage import split


def write_manifest(folder, patients):
    manifest_of(range(patients)).reindex(columns=MANIFEST_COLUMNS).to_csv(folder / "manifest.csv", index=False)


def paths(folder):
    return [folder / name for name in ("manifest.csv", "splits.csv", "ledger.csv")]


def test_the_stage_continues_from_its_ledger(tmp_path):
    write_manifest(tmp_path, 20)
    first = split(*paths(tmp_path), RULE)
    write_manifest(tmp_path, 30)
    split(*paths(tmp_path), RULE)
    kept = read_splits(tmp_path / "splits.csv").head(20)
    assert kept["split"].tolist() == first["split"].tolist()


def test_an_absent_patient_returns_to_the_same_split(tmp_path):
    """Otherwise a night in quarantine could move a test patient to train."""
    write_manifest(tmp_path, 30)
    first = splits_of(split(*paths(tmp_path), RULE))
    absent = [patient for patient, split_name in first.items() if split_name == "test"][:3]
    everybody = manifest_of(range(36)).reindex(columns=MANIFEST_COLUMNS)
    everybody[~everybody["patient"].isin(absent)].to_csv(tmp_path / "manifest.csv", index=False)
    assert not set(absent) & set(splits_of(split(*paths(tmp_path), RULE)))
    everybody.to_csv(tmp_path / "manifest.csv", index=False)
    last = splits_of(split(*paths(tmp_path), RULE))
    assert {patient: last[patient] for patient in first} == first


def test_a_ledger_with_tcias_notation_keeps_its_splits(tmp_path):
    manifest, splits, ledger = paths(tmp_path)
    write_manifest(tmp_path, 20)
    slices = pd.read_csv(manifest, dtype=str)
    slices["subject"] = slices["patient"].map(
        {name: f"TCGA_DU_{i:04}" for i, name in enumerate(sorted(set(slices["patient"])))}
    )
    slices.to_csv(manifest, index=False)
    split(manifest, splits, ledger, RULE)
    before = pd.read_csv(ledger, dtype=str)
    moved = {"train": "val", "val": "test", "test": "train"}  # so that assigning anew would be seen
    before.assign(subject=before["subject"].str.replace("_", "-"), split=before["split"].map(moved)).to_csv(
        ledger, index=False
    )
    split(manifest, splits, ledger, RULE)
    after = pd.read_csv(ledger, dtype=str)
    assert after["subject"].tolist() == before["subject"].tolist()
    assert after["split"].tolist() == before["split"].map(moved).tolist()


def test_returning_to_an_earlier_rule_restores_its_splits(tmp_path):
    write_manifest(tmp_path, 30)
    first = splits_of(split(*paths(tmp_path), RULE))
    split(*paths(tmp_path), SplitRule(0.3, 0.3, 5, seed=1))
    write_manifest(tmp_path, 33)
    last = splits_of(split(*paths(tmp_path), RULE))
    assert {patient: last[patient] for patient in first} == first


def test_a_split_that_would_be_empty_is_refused(tmp_path):
    write_manifest(tmp_path, 12)
    first = splits_of(split(*paths(tmp_path), RULE))
    left = manifest_of(range(12)).reindex(columns=MANIFEST_COLUMNS)
    left[left["patient"].map(first) != "val"].to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(UserError, match="no patient is left for val; add patients"):
        split(*paths(tmp_path), RULE)
    with pytest.raises(UserError, match="no patient is left for test"):
        assign_splits(manifest_of(range(4)), SplitRule(0.2, 0.2, 5, 1, fold=4))


def test_a_ledger_with_other_columns_is_refused(tmp_path):
    write_manifest(tmp_path, 20)
    text = "patient,split\np000,test\n"
    (tmp_path / "ledger.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="delete it to assign all patients anew"):
        split(*paths(tmp_path), RULE)
    assert (tmp_path / "ledger.csv").read_text(encoding="utf-8") == text


def test_too_few_patients_are_refused():
    with pytest.raises(UserError, match="too few"):
        assign_splits(manifest_of([1, 2]), SplitRule(0.4, 0.4, 2, 1))


def test_a_table_without_its_columns_is_refused(tmp_path):
    (tmp_path / "manifest.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UserError, match="lacks the column"):
        split(tmp_path / "manifest.csv", tmp_path / "splits.csv", tmp_path / "ledger.csv", RULE)
