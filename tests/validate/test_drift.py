"""Drift between groups of patients is found, and chance is not mistaken for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.common.errors import UserError
from components.validate.drift import COLUMNS, SHARE, between_splits, by_patient, by_person, compare, describe_drift

pytestmark = pytest.mark.xdist_group("tfx")  # a single worker imports TFDV, and not while it collects


def patients(count, seed, shift=0.0, missing=0.1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "mean_flair": rng.normal(30 + shift, 5, count),
            "std_flair": rng.normal(40, 5, count),
            "missing_post": (rng.random(count) < missing).astype(float),
            SHARE: rng.beta(2, 4, count),
        },
        index=[f"p{i}" for i in range(count)],
    )


def test_a_brighter_scanner_is_found_and_named():
    table = compare(patients(60, 1), patients(20, 2, shift=12), level=0.01)
    assert list(table) == COLUMNS
    assert table.set_index("feature")["drift"].to_dict() == {
        "mean_flair": "yes",
        "std_flair": "no",
        "missing_post": "no",
        SHARE: "no",
    }
    (line,) = describe_drift(table)
    assert line.startswith("mean_flair: 30")


def test_a_sequence_that_goes_missing_is_found():
    table = compare(patients(60, 1), patients(20, 2, missing=0.9), level=0.01).set_index("feature")
    assert table.loc["missing_post", "drift"] == "yes"
    assert table.loc["missing_post", "new"] > 0.7


@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_chance_alone_is_no_drift(seed):
    """At a level of one in a million, no two groups from one distribution may raise an alarm."""
    assert describe_drift(compare(patients(40, seed), patients(15, seed + 20_000), level=1e-6)) == []


def test_a_handful_of_patients_is_too_few_to_tell():
    table = compare(patients(60, 1), patients(4, 2, shift=50), level=0.01)
    assert set(table["drift"]) == {"too few patients"}
    assert describe_drift(table) == []


def test_a_feature_of_few_patients_is_skipped_and_changes_no_other():
    old, new = patients(60, 1), patients(40, 2, shift=12)
    whole = compare(old, new.drop(columns=SHARE), level=0.01).set_index("feature")
    new.loc[new.index[4:], SHARE] = np.nan
    table = compare(old, new, level=0.01).set_index("feature")
    assert table.loc[SHARE, "drift"] == "too few patients"
    pd.testing.assert_frame_equal(table.drop(index=SHARE), whole)


def test_slices_of_one_patient_count_once():
    """Fifty copies of a slice are evidence of one patient, and of no more than one."""
    rows = [{"patient": f"p{i % 6}", "mean_flair": float(i % 6), "missing_pre": 0} for i in range(300)]
    summary = by_patient(pd.DataFrame(rows))
    assert len(summary) == 6
    assert summary["mean_flair"].tolist() == [0, 1, 2, 3, 4, 5]


def drift_between_splits(shift):
    features = pd.concat([patients(40, 1), patients(12, 2), patients(20, 3, shift=shift)])
    features.index = [f"p{i}" for i in range(72)]
    manifest = features.rename_axis("patient").reset_index()
    splits = pd.DataFrame({"patient": features.index, "split": ["train"] * 40 + ["val"] * 12 + ["test"] * 20})
    return between_splits(manifest, splits, level=0.01)


def test_splits_that_differ_are_reported_and_refused_if_asked(capsys):
    from components.validate.stage import check_drift

    check_drift(drift_between_splits(shift=0), "refuse")
    check_drift(drift_between_splits(shift=15), "warn")
    assert capsys.readouterr().out.startswith("drift: test: mean_flair: ")
    with pytest.raises(UserError, match=r"test: mean_flair: .*set drift\.action to warn"):
        check_drift(drift_between_splits(shift=15), "refuse")


def test_examinations_of_one_person_count_once():
    """Four persons, examined three times each, are too few; with one examination each, nothing changes."""
    old, new = patients(60, 1), patients(12, 2, shift=12)
    whole = compare(old, new, level=0.01)
    old.index = [f"TCGA_DU_{i}_19910101" for i in range(60)]
    pd.testing.assert_frame_equal(compare(old, new, level=0.01), whole)
    new.index = [f"TCGA_CS_{i // 3}_1991010{i % 3 + 1}" for i in range(12)]
    assert set(compare(old, new, level=0.01)["drift"]) == {"too few patients"}
    means = by_person(new)
    assert len(means) == 4
    assert means["mean_flair"].iloc[0] == pytest.approx(new["mean_flair"].iloc[:3].mean())
