"""How a user's clinical table is read, and which tables are refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import LGG
from hypothesis import given, settings
from hypothesis import strategies as st

from components.common.errors import UserError
from components.evaluate.clinical import as_text, read_clinical

VISIT = "TCGA_DU_7298_19910324"


def write_table(folder, text):
    path = folder / "clinical.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_words_and_codes_are_kept_and_numbers_become_quartiles(tmp_path):
    rows = "\n".join(f"p{i},{i % 2 + 2},{20 + i},{'F' if i < 3 else 'M'},x{i}" for i in range(8))
    table = read_clinical(write_table(tmp_path, f"Patient,grade,age,gender,id\n{rows}\n"), [f"p{i}" for i in range(8)])
    assert table["patient"].tolist() == [f"p{i}" for i in range(8)]
    assert table["grade"].tolist() == ["2", "3"] * 4
    assert table["gender"].tolist() == ["F"] * 3 + ["M"] * 5
    assert table["age"].tolist() == [
        *["below 21.75"] * 2,
        *["21.75 to <23.5"] * 2,
        *["23.5 to <25.25"] * 2,
        *["25.25 or more"] * 2,
    ]


def test_a_persons_row_applies_to_examinations_without_their_own_row(tmp_path):
    person = "TCGA_DU_7298,person"
    table = read_clinical(write_table(tmp_path, f"patient,what\n{person}\n"), [VISIT, "other"])
    assert table.to_dict("records") == [{"patient": VISIT, "what": "person"}]
    table = read_clinical(write_table(tmp_path, f"patient,what\n{VISIT},own\n{person}\n"), [VISIT])
    assert table["what"].tolist() == ["own"]


def test_patient_names_are_never_read_as_numbers_or_missing_values(tmp_path):
    table = read_clinical(write_table(tmp_path, "patient,sex\n007,F\nNA,M\n 12e4 ,F\n"), ["NA", "007", "12e4", "7"])
    assert table.to_dict("records") == [
        {"patient": "NA", "sex": "M"},
        {"patient": "007", "sex": "F"},
        {"patient": "12e4", "sex": "F"},
    ]


def test_missing_values_stay_missing_and_equal_codes_are_merged(tmp_path):
    table = read_clinical(write_table(tmp_path, "patient,grade,none\na,2,\nb,,\nc,2.0,\nd,NA,\n"), list("abcd"))
    assert table["grade"].tolist() == ["2", None, "2", None]
    assert table["none"].isna().all()
    table = read_clinical(
        write_table(tmp_path, "patient,age\na,2\nb,Unknown\nc,n/a\nd,NONE\ne,?\nf,-\n"), list("abcdef")
    )
    assert table["age"].tolist() == ["2", *[None] * 5]


def test_different_numbers_stay_different_however_long(tmp_path):
    scanners = [4512345, 4512346, 4512347, 12345678901234]
    rows = "\n".join(f"p{i},{scanner},{20190101 + i}" for i, scanner in enumerate(scanners * 2))
    table = read_clinical(write_table(tmp_path, f"patient,scanner,date\n{rows}\n"), [f"p{i}" for i in range(8)])
    assert table["scanner"].tolist() == [str(scanner) for scanner in scanners * 2]
    assert table["date"].nunique() == 4
    assert table["date"][2] == "20190102.75 to <20190104.5"


@settings(deadline=None)
# Six digits, as people write them: pandas reads some floats of seventeen digits as a neighbouring float.
@given(st.lists(st.one_of(st.none(), st.floats(-1e3, 1e3).map(lambda x: round(x, 6))), min_size=7, max_size=40))
def test_quartiles_divide_known_numbers_into_ordered_ranges(numbers):
    values = pd.Series(["" if n is None else repr(n) for n in numbers], dtype=object)
    text = as_text(values)
    known = np.array([n for n in numbers if n is not None])
    assert text.isna().tolist() == [n is None for n in numbers]
    if len(np.unique(known)) > 5:
        grouped = pd.DataFrame({"range": text.dropna().to_numpy(), "number": known}).groupby("range")["number"]
        spans = sorted(zip(grouped.min(), grouped.max(), strict=True))
        assert len(spans) <= 4
        assert all(high < low for (_, high), (low, _) in pairwise(spans))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,age\na,3\n", "has 0 columns `patient`"),
        ("patient,Patient\na,a\n", "has 2 columns `patient`"),
        ("patient,age\na,3\na,4\n", "names a twice"),
        ("patient,age\nz,3\n", "lists none of the 2 patients"),
        ("patient,a=b\na,3\n", "its column a=b has a .=."),
        ("", "not readable as a table"),
    ],
)
def test_a_bad_table_is_refused_with_its_path_and_the_problem(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as error:
        read_clinical(write_table(tmp_path, text), ["a", "b"])
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_raises_a_user_error(tmp_path):
    with pytest.raises(UserError, match="not readable"):
        read_clinical(tmp_path / "none.csv", ["a"])


@pytest.mark.skipif(not LGG.exists(), reason="the real clinical table is not here")
def test_the_real_clinical_table_is_read():
    table = read_clinical(LGG / "data.csv", ["TCGA_CS_4941_19960909", "TCGA_CS_4942_19970222", "TCGA_CS_4943_20000902"])
    assert table["patient"].str[:12].tolist() == ["TCGA_CS_4941", "TCGA_CS_4942", "TCGA_CS_4943"]
    assert table["neoplasm_histologic_grade"].tolist() == ["2", "2", "2"]
    assert table["age_at_initial_pathologic"].tolist() == ["67", "44", "37"]
