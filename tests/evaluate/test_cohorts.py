"""Which cohorts each patient belongs to, and which of them are too small."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from components.evaluate.cohorts import COLUMNS, cohorts, tumor_size


def patients(count=6):
    return pd.DataFrame(
        {
            "patient": [f"p{i}" for i in range(count)],
            "site": ["DU", "DU", "DU", "HT", "HT", None][:count],
            "missing_sequence": ["none"] * count,
            "reference_ml": [0.0, 9.99, 10.0, 30.0, 30.01, 80.0][:count],
            "volume_dice": np.nan,
        }
    )


def test_tumor_sizes_are_named_by_volume():
    assert [tumor_size(ml) for ml in (0, 1e-6, 9.999, 10, 30, 30.001, 1e6)] == [
        "no tumour",
        *["small, below 10 ml"] * 2,
        *["medium, 10 to 30 ml"] * 2,
        *["large, above 30 ml"] * 2,
    ]


def test_each_patient_has_exactly_one_value_in_each_cohort():
    table = cohorts(patients())
    assert list(table) == COLUMNS
    assert len(table) == 18
    assert table.groupby("cohort")["patient"].agg(set).tolist() == [{f"p{i}" for i in range(6)}] * 3
    assert list(dict.fromkeys(table["cohort"])) == ["site", "missing_sequence", "tumor_size"]
    wide = table.pivot(index="patient", columns="cohort", values="value")
    assert wide["site"].tolist() == ["DU", "DU", "DU", "HT", "HT", "unknown"]
    assert wide["tumor_size"].tolist() == [tumor_size(ml) for ml in patients()["reference_ml"]]


def test_values_with_fewer_than_three_patients_are_marked():
    table = cohorts(patients()).set_index(["cohort", "value"]).sort_index()
    assert not table.loc[("site", "DU"), "few"].any()
    assert (table.loc[("site", "DU"), "patients"] == 3).all()
    assert table.loc[("site", "HT"), "few"].all()
    assert (table.loc[("site", "HT"), "patients"] == 2).all()
    assert not table.loc[("missing_sequence", "none"), "few"].any()


def test_a_clinical_column_becomes_a_cohort_and_gaps_are_unknown():
    clinical = pd.DataFrame({"patient": ["p4", "p0", "stranger"], "grade": ["2", "3", "3"], "site": ["A", "B", "C"]})
    table = cohorts(patients(), clinical)
    grade = table[table["cohort"] == "grade"].set_index("patient")["value"]
    assert grade.to_dict() == {"p0": "3", "p4": "2", **dict.fromkeys(("p1", "p2", "p3", "p5"), "unknown")}
    assert "site (clinical)" in set(table["cohort"])
    assert table[table["cohort"] == "site"]["value"].tolist() == ["DU", "DU", "DU", "HT", "HT", "unknown"]


def test_the_same_word_in_two_cohorts_stays_two_values():
    clinical = pd.DataFrame({"patient": ["p0", "p4"], "born in": ["DU", "DU"]})
    counted = cohorts(patients(), clinical).groupby(["cohort", "value"])["patients"].first()
    assert (counted["site", "DU"], counted["born in", "DU"]) == (3, 2)


def test_a_patient_with_two_rows_raises():
    with pytest.raises(ValueError, match="more than one row"):
        cohorts(pd.concat([patients(2), patients(1)]))


def test_examinations_of_two_persons_are_few():
    table = patients()
    table["patient"] = ["A_20200101", "B_20200101", "B_20200102", "C_20200101", "D_20200101", "E_20200101"]
    found = cohorts(table).set_index(["cohort", "value"]).sort_index()
    assert (found.loc[("site", "DU"), "patients"] == 3).all()
    assert found.loc[("site", "DU"), "few"].all()
    assert not found.loc[("missing_sequence", "none"), "few"].any()
