from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import UserError
from components.split import find_leaks, split, split_patients
from components.tables import SIDES, read_manifest


def manifest_of(burdens, sites=("A", "B")):
    return pd.DataFrame(
        [
            {
                "patient": f"p{i:03d}",
                "site": sites[i % len(sites)],
                "slice": n,
                "tumor_pixels": burden,
                "pixel_hash": f"{i}-{n}",
            }
            for i, burden in enumerate(burdens)
            for n in (1, 2)
        ]
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 10_000), min_size=6, max_size=80),
    st.floats(0.05, 0.4),
    st.floats(0.05, 0.4),
    st.integers(0, 1000),
)
def test_every_patient_is_on_one_side_and_the_shares_hold(burdens, val, test, seed):
    splits = split_patients(manifest_of(burdens), val=val, test=test, folds=5, seed=seed)
    assert splits["patient"].tolist() == [f"p{i:03d}" for i in range(len(burdens))]
    counts = splits["split"].value_counts()
    assert set(counts.index) == set(SIDES)
    assert counts["val"] == max(1, round(val * len(burdens)))
    assert counts["test"] == max(1, round(test * len(burdens)))
    folds = splits["fold"].value_counts()
    assert folds.max() - folds.min() <= 1


def test_sites_and_burdens_are_dealt_out_evenly():
    splits = split_patients(manifest_of(range(120), sites="ABC"), val=0.2, test=0.2, folds=5, seed=1)
    by_site = splits.groupby(["site", "split"]).size()
    assert by_site.loc[:, "test"].between(7, 9).all()
    burden = splits.assign(burden=range(120)).groupby("split")["burden"].mean()
    assert burden.max() - burden.min() < 12


def test_the_seed_decides():
    manifest = manifest_of(range(60))
    first, again, other = (
        split_patients(manifest, val=0.2, test=0.2, folds=5, seed=seed)["split"].tolist() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_the_order_of_rows_does_not_matter():
    manifest = manifest_of(range(30))
    shuffled = manifest.sample(frac=1, random_state=3)
    arguments = {"val": 0.2, "test": 0.2, "folds": 5, "seed": 1}
    pd.testing.assert_frame_equal(split_patients(manifest, **arguments), split_patients(shuffled, **arguments))


def test_the_audit_finds_a_patient_on_two_sides():
    splits = pd.DataFrame({"patient": ["a", "a", "b"], "split": ["train", "test", "val"]})
    manifest = pd.DataFrame({"patient": ["a", "b"], "slice": [1, 1], "pixel_hash": ["x", "y"]})
    assert "patient a is on 2 sides" in find_leaks(manifest, splits)


def test_the_audit_finds_a_picture_on_two_sides_and_ignores_blank_ones():
    splits = pd.DataFrame({"patient": ["a", "b", "c"], "split": ["train", "test", "train"]})
    manifest = pd.DataFrame(
        {"patient": ["a", "b", "c", "a", "b"], "slice": [1, 1, 1, 2, 2], "pixel_hash": ["x", "x", "y", "", ""]}
    )
    assert len(find_leaks(manifest, splits)) == 1
    assert "a slice 1 (train)" in find_leaks(manifest, splits)[0]
    assert find_leaks(manifest.assign(pixel_hash=list("abcde")), splits) == []


def test_a_leak_ends_the_stage_with_nothing_written(tmp_path, data):
    manifest = read_manifest(data / "manifest.csv")
    arguments = {"val": 0.2, "test": 0.2, "folds": 3, "seed": 1}
    sides = split_patients(manifest, **arguments).set_index("patient")["split"]
    train, test = sides[sides == "train"].index[0], sides[sides == "test"].index[0]
    stolen = manifest.loc[manifest["patient"] == train, "pixel_hash"].iloc[4]
    manifest.loc[manifest.index[manifest["patient"] == test][4], "pixel_hash"] = stolen
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(UserError, match="same picture is on two sides"):
        split(tmp_path / "manifest.csv", tmp_path / "splits.csv", **arguments)
    assert not (tmp_path / "splits.csv").exists()


def test_too_few_patients_are_refused():
    with pytest.raises(UserError, match="too few"):
        split_patients(manifest_of([1, 2]), val=0.4, test=0.4, folds=2, seed=1)


def test_a_table_without_its_columns_is_refused(tmp_path):
    (tmp_path / "manifest.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UserError, match="lacks the column"):
        split(tmp_path / "manifest.csv", tmp_path / "splits.csv", val=0.2, test=0.2, folds=2, seed=1)
