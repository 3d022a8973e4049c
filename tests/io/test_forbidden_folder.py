"""A folder that can't be listed is never taken for an absent one."""

from __future__ import annotations

import pytest

from components.common.errors import UserError
from components.io.storage import Storage, walk

pytest_plugins = ["forbidden_folder"]


def test_a_source_with_a_forbidden_folder_is_refused_in_one_line(forbidden):
    with pytest.raises(UserError, match=r"Permission denied: '.*P1/post'\); check"):
        _ = Storage(forbidden).files


def test_a_vanished_folder_has_no_files(tmp_path):
    assert walk(tmp_path / "gone") == []
