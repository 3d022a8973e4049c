"""A folder that can't be listed is never taken for an absent one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from components.common.errors import UserError
from components.io.storage import Storage, walk

NOBODY = 65534


@pytest.fixture
def forbidden():
    """A folder with a subfolder that this process may not list; root becomes another user for the test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "P1").mkdir()
        (folder / "P1" / "flair.nii.gz").touch()
        assert Storage(folder).files == ["P1/flair.nii.gz"]  # imports everything needed, while root still can
        (folder / "P1" / "post").mkdir(mode=0o700 if os.geteuid() == 0 else 0o000)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(NOBODY)
            yield folder
        finally:
            os.seteuid(user)
            (folder / "P1" / "post").chmod(0o700)


def test_a_source_with_a_forbidden_folder_is_refused_in_one_line(forbidden):
    with pytest.raises(UserError, match=r"Permission denied: '.*P1/post'\); check"):
        _ = Storage(forbidden).files


def test_a_vanished_folder_has_no_files(tmp_path):
    assert walk(tmp_path / "gone") == []
