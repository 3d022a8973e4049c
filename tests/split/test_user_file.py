"""What a user's own split file may contain."""

from __future__ import annotations

import pandas as pd
import pytest

from components.common.errors import UserError
from components.split.user_file import read_own_split

MANIFEST = pd.DataFrame({"patient": ["001", "002", "003", "NA"], "subject": ["s1", "s1", "s3", "s4"]})
LINES = {"001": "train,0", "002": "train,0", "003": "val,1", "NA": "test,"}


def write_and_read(folder, header="patient,split,fold", **lines):
    path = folder / "own.csv"
    text = [f"{name},{rest}" for name, rest in (LINES | lines).items() if rest]
    path.write_text("\n".join([header, *text]), encoding="utf-8")
    return read_own_split(str(path), MANIFEST)


def refusal(folder, **changes):
    with pytest.raises(UserError) as error:
        write_and_read(folder, **changes)
    return str(error.value).removeprefix(f"{folder / 'own.csv'}: ")


def test_names_are_read_as_text_and_a_missing_fold_stays_missing(tmp_path):
    table = write_and_read(tmp_path, gone="test,1")
    assert list(table) == ["patient", "subject", "split", "fold"]
    assert table["patient"].tolist() == ["001", "002", "003", "NA"]
    assert table["split"].tolist() == ["train", "train", "val", "test"]
    assert table["fold"].tolist()[:3] == [0, 0, 1]
    assert table["fold"].isna().tolist() == [False, False, False, True]


def test_extra_columns_and_repeated_lines_are_ignored(tmp_path):
    lines = {name: f"{split.split(',')[0]},{n}" for n, (name, split) in enumerate(LINES.items())}
    table = write_and_read(tmp_path, header="patient,split,note", **lines)
    assert table["split"].tolist() == ["train", "train", "val", "test"]
    assert table["fold"].isna().all()
    (tmp_path / "own.csv").write_text("patient,split\n" + 2 * "001,train\n002,train\n003,val\nNA,test\n", "utf-8")
    assert len(read_own_split(str(tmp_path / "own.csv"), MANIFEST)) == 4


@pytest.mark.parametrize("fold", ["x", "1.5", "0.5", "-1", "0 1"])
def test_a_fold_must_be_a_whole_number_from_0_on(tmp_path, fold):
    lines = {"001": f"train,{fold}"}
    assert refusal(tmp_path, **lines) == "fold holds values other than whole numbers from 0 on; correct them"


def test_missing_patients_empty_splits_and_unknown_splits_are_refused(tmp_path):
    assert refusal(tmp_path, **{"001": "", "003": ""}) == (
        "2 patient(s) of the source are not in it, 001 first; add them"
    )
    assert refusal(tmp_path, **{"003": "train,0"}) == "no patient is in val; add some"
    assert refusal(tmp_path, **{"003": "train,0", "NA": "train,0"}) == "no patient is in test or val; add some"
    assert refusal(tmp_path, **{"NA": "testing,0"}) == "split holds words other than train, val, test; correct them"


def test_a_person_in_two_splits_is_refused(tmp_path):
    assert refusal(tmp_path, **{"002": "test,0"}) == "patient s1 is in 2 splits; choose one of them"


@pytest.mark.parametrize("header", ["patient,side,fold", "name,split,fold"])
def test_both_columns_are_needed(tmp_path, header):
    assert refusal(tmp_path, header=header) == "lacks the column patient or split; add it"


def test_an_unreadable_file_is_reported(tmp_path):
    message = "not readable as a table; split.file needs a CSV with patient and split"
    with pytest.raises(UserError, match=message):
        read_own_split(str(tmp_path / "none.csv"), MANIFEST)
    for content in (b"", b"\xff\xfe\x00", b'"a\n'):
        (tmp_path / "own.csv").write_bytes(content)
        with pytest.raises(UserError, match=message):
            read_own_split(str(tmp_path / "own.csv"), MANIFEST)
