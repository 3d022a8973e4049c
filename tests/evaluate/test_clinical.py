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
from components.evaluate.clinical import read_clinical
from components.evaluate.clinical_columns import as_text
from components.evaluate.clinical_findings import clinical_findings

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


@pytest.mark.parametrize("scan", [VISIT, "TCGA-DU-7298", "TCGA-DU-7298_exam2"])
@pytest.mark.parametrize("listed", ["TCGA_DU_7298", "TCGA-DU-7298"])
def test_a_tcga_person_is_found_in_either_notation(tmp_path, scan, listed):
    table = read_clinical(write_table(tmp_path, f"patient,what\n{listed},person\n"), [scan])
    assert table.to_dict("records") == [{"patient": scan, "what": "person"}]


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
        ("patient,age\nTCGA-DU-7298,3\nTCGA_DU_7298,4\n", "names TCGA_DU_7298 twice"),
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


def column(tmp_path, values):
    """Read a column with these values."""
    rows = "\n".join(f'p{i},"{value}"' for i, value in enumerate(values))
    return read_clinical(write_table(tmp_path, f"patient,x\n{rows}\n"), [f"p{i}" for i in range(len(values))])["x"]


AGES = ["40,5", "41", "42,25", "43", "50", "60", "70"]
RANGES = [*["below 41.625"] * 2, *["41.625 to <43"], "43 to <55", "43 to <55", *["55 or more"] * 2]
WORDS = {
    "codes": ["2,0", "2", "3", "4", "2", "3", "4"],
    "codes and a word": ["1", "2", "3", "1", "2", "3", "none yet"],
    "lists": ["1,2", "1,3", "2,3", "1", "2", "3", "1,2,3", "1,2,4"],
    "dates": [f"2020-01-{day}" for day in range(10, 20)],
    "dotted dates": [f"{day}.01.2020" for day in range(10, 20)],
    "mostly words": ["1", "2", "3", "4", "5", "6", *"abcdefgh"],
}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (AGES, RANGES),
        ([*AGES, ">90", "90+", "about 80"], [*RANGES, None, None, None]),
        ([*AGES, "41.5", "1,234"], None),  # with both signs, 1,234 may be either
        (["1,234", *AGES], None),  # with decimal commas alone, it is a fraction
        (["1,234", "2,345", "3", "4", "5", "6", "7", "8"], None),  # may be thousands
        (["0,123", "0,234", "0,345", "0,456", "0,567", "0,678"], None),
    ],
)
def test_decimal_commas_are_read_and_unclear_numbers_are_unknown(tmp_path, values, expected):
    found = column(tmp_path, values)
    unclear = {">90", "90+", "about 80"}
    if "41.5" in values or "2,345" in values:
        unclear |= {"1,234", "2,345"}
    assert [value for value, text in zip(values, found, strict=True) if text is None] == [
        value for value in values if value in unclear
    ]
    assert not expected or found.tolist() == expected


@pytest.mark.parametrize("kind", WORDS)
def test_columns_of_words_and_codes_stay_as_they_are(tmp_path, kind):
    assert column(tmp_path, WORDS[kind]).tolist() == WORDS[kind]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_that_a_spreadsheet_has_saved_is_read(tmp_path, separator):
    lines = ["patient,age", *(f"p{i},{age.replace(',', '!')}" for i, age in enumerate(AGES))]
    text = "\ufeff" + "\r\n".join(lines).replace(",", separator).replace("!", ",")
    assert read_clinical(write_table(tmp_path, text), [f"p{i}" for i in range(7)])["age"].tolist() == RANGES


def test_what_a_table_lacks_is_said_without_a_patients_name(tmp_path):
    table = write_table(tmp_path, "patient,sex,age\n7,F,\n8,M,>90\n" + "".join(f"n{i},M,{20 + i}\n" for i in range(8)))
    patients = ["007", "008_19990101", "stranger", *(f"n{i}" for i in range(8))]
    (rows,) = clinical_findings(table, patients)
    assert rows.startswith("The clinical table has no row for 3 of the 11 test patients")
    assert "2 of them would have one if the table had the zeros at the start" in rows
    (values,) = clinical_findings(table, ["7", "8", *patients[3:]])
    assert "can't be read as numbers count as unknown: 1 in age." in values
    assert not any(name in rows + values for name in ("007", "008", "stranger", "n1"))
    assert clinical_findings(table, patients[3:]) == []
    with pytest.raises(UserError, match=r"lists none of the 2 patients.*zeros at their start: format it as text"):
        read_clinical(table, patients[:2])


@pytest.mark.skipif(not LGG.exists(), reason="the real clinical table is not here")
def test_the_real_clinical_table_is_read():
    table = read_clinical(LGG / "data.csv", ["TCGA_CS_4941_19960909", "TCGA_CS_4942_19970222", "TCGA_CS_4943_20000902"])
    assert table["patient"].str[:12].tolist() == ["TCGA_CS_4941", "TCGA_CS_4942", "TCGA_CS_4943"]
    assert table["neoplasm_histologic_grade"].tolist() == ["2", "2", "2"]
    assert table["age_at_initial_pathologic"].tolist() == ["67", "44", "37"]
