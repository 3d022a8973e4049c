"""Checks of the protocol: random labels can't be learned, and a table that names wrong patients isn't trusted."""

from __future__ import annotations

import ast
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import LGG, ROOT, ingest_into

from benchmarks import leakage
from components.scans.identity import site_of, subject_of
from components.sources import open_source
from components.split.assign import assign_splits
from components.split.rule import SplitRule

LABELINGS = 1000
PATIENTS = ["TCGA_CS_4943_20000902", "TCGA_DU_5849_19950405", "TCGA_DU_7298_19910324"]

needs_lgg = pytest.mark.skipif(not LGG.is_dir(), reason=f"no real scans: {LGG.name} does not lie beside the project")


def test_random_labels_leak_through_a_split_by_slice_but_not_by_patient(demo_source):
    with open_source(demo_source) as source:
        features, manifest = leakage.slices_of(source)
    by_slice, by_patient = leakage.accuracies(features, manifest, LABELINGS)
    assert by_slice.mean() > 0.8
    # The nearest slice belongs to another patient. Of 9 patients, 5 have one label and 4 the other, so 16 of 36 pairs
    # share a label: 0.44, not quite 0.5. By Hoeffding's inequality, the mean of this many independent numbers in 0..1
    # is farther from its expectation than this margin, 0.085, only once in a million times.
    count = manifest["patient"].nunique()
    chance = (math.comb(count // 2, 2) + math.comb(count - count // 2, 2)) / math.comb(count, 2)
    margin = math.sqrt(math.log(2e6) / (2 * LABELINGS))
    assert by_patient.mean() == pytest.approx(chance, abs=margin)
    repeated = leakage.accuracies(features, manifest, LABELINGS)
    np.testing.assert_array_equal(repeated, (by_slice, by_patient))


def test_the_nearest_slice_is_looked_up_in_other_folds():
    features = np.repeat(np.arange(6, dtype=np.float32)[:, None], 2, axis=0)  # each row twice
    twins_apart, twins_together = np.arange(12) % 2, np.arange(12) // 2 % 2
    assert (leakage.nearest(features, twins_apart) // 2 == np.arange(12) // 2).all()
    found = leakage.nearest(features, twins_together)
    assert (twins_together[found] != twins_together).all()


@pytest.fixture(scope="module")
def table():
    """The path table of the course notebooks, with the patient and the slice taken from each path."""
    rows = pd.read_csv(LGG / "data_mask.csv")
    from_paths = rows["image_path"].str.extract(r"(?P<patient>[^/]+)/(?P=patient)_(?P<slice>\d+)\.tif")
    return rows.assign(patient=from_paths["patient"], slice=from_paths["slice"].astype(int))


@needs_lgg
def test_the_wrong_table_is_reported_and_ingest_follows_the_paths(tmp_path, table):
    tree = tmp_path / "kaggle_3m"
    subprocess.run([sys.executable, LGG / "unpack.py", tree, *PATIENTS], check=True, capture_output=True)
    (tree / "data_mask.csv").write_bytes((LGG / "data_mask.csv").read_bytes())
    wrong = (table["patient_id"] != table["patient"]).sum()
    assert wrong > 0.9 * len(table)
    with open_source(tree) as source:
        (problem,) = source.problems
        assert source.patients == PATIENTS
    assert (problem.kind, problem.where) == ("table", "data_mask.csv")
    assert problem.what == f"{wrong:,} of {len(table):,} rows name a different patient from their path"
    manifest = ingest_into(tmp_path, tree)
    from_paths = table[table["patient"].isin(PATIENTS)].set_index(["patient", "slice"])["mask"].sort_index()
    found = manifest.set_index(["patient", "slice"])["has_tumor"].astype(int).sort_index()
    pd.testing.assert_series_equal(found, from_paths, check_names=False)


@needs_lgg
@pytest.mark.parametrize(("column", "share"), [("patient_id", 1.0), ("patient", 0.0)])
def test_only_a_split_by_the_tables_patients_leaks_every_patient(table, column, share):
    """The share of patients in both train and test when persons are split, and the column says who they are."""
    slices = pd.DataFrame(
        {
            "patient": table[column],
            "subject": table[column].map(subject_of),
            "site": table[column].map(site_of),
            "tumor_pixels": table["mask"],
        }
    )
    splits = assign_splits(slices, SplitRule(0.15, 0.25, 5, seed=1)).set_index("patient")
    splits_by_patient = table[column].map(splits["split"]).groupby(table["patient"]).unique().map(set)
    assert len(splits_by_patient) > 50
    assert splits_by_patient.map({"train", "test"}.issubset).mean() == share


def names_in(tree):
    """All attributes, keywords, and strings other than docstrings: every way to name a column."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {id(n.body[0].value) for n in ast.walk(tree) if isinstance(n, documented) and ast.get_docstring(n)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword):
            yield node.arg or ""


def test_no_code_names_the_column_of_the_wrong_table():
    """Patients are identified by path or PatientID; this column would put everyone in both train and test."""
    modules = [path for package in ("components", "models", "pipelines") for path in (ROOT / package).rglob("*.py")]
    assert len(modules) > 50
    for path in modules:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [name for name in names_in(tree) if "patient_id" in name.lower()], path


@pytest.mark.parametrize(
    "code",
    ["t['patient_id']", "t.groupby(['site', 'patient_id'])", "t.patient_id", "f(patient_id='x')", "f'{x}/patient_id'"],
)
def test_every_way_to_name_the_column_is_detected(code):
    assert [name for name in names_in(ast.parse(code)) if "patient_id" in name]
