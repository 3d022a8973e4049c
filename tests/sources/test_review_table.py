"""The table of reviews beside a source, as `adopt` writes it and as spreadsheets save it again."""

from __future__ import annotations

import pytest

from components.common.errors import UserError
from components.io.storage import Storage
from components.sources.review_table import NAME, Reviewed, reviewed

HEADING = "patient,decision,reviewer,review,train_only"
ROWS = [HEADING, "P1,corrected,Dr. Gold,0123456789ab,1", "P2,accepted,Dr. Gold,0123456789ab,0"]
TABLE = "\n".join(ROWS)


def read(folder, content):
    (folder / NAME).write_bytes(content)
    return reviewed(Storage(str(folder)), "")


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.replace("\n", "\r\n").replace(",", ";").encode("utf-8-sig"),
        TABLE.replace(",", "\t").encode(),
    ],
    ids=["as written", "byte order mark", "semicolons", "tabs"],
)
def test_a_table_saved_by_a_spreadsheet_is_read_alike(tmp_path, content):
    assert read(tmp_path, content) == {
        "P1": Reviewed("corrected", "0123456789ab Dr. Gold", 1),
        "P2": Reviewed("accepted", "0123456789ab Dr. Gold", 0),
    }


@pytest.mark.parametrize("column", ["patient", "reviewer", "train_only"])
def test_a_table_that_lost_a_column_is_refused(tmp_path, column):
    with pytest.raises(UserError, match=rf"reviews\.csv: lacks the column {column}; restore it"):
        read(tmp_path, TABLE.replace(HEADING, HEADING.replace(column, "other")).encode())


@pytest.mark.parametrize("content", [b"", b"book,stars\nA,5\n", b"patient,stars\nA,5\n"])
def test_a_table_of_another_kind_is_ignored(tmp_path, content):
    assert read(tmp_path, content) == {}
