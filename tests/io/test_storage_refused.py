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
def closed():
    """A folder with one that only its owner may list, where somebody else can reach it, as who that is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "P1").mkdir()
        (folder / "P1" / "flair.nii.gz").touch()
        assert Storage(folder).files == ["P1/flair.nii.gz"]  # which imports all that is needed
        (folder / "P1" / "post").mkdir(mode=0o700 if os.geteuid() == 0 else 0o000)
        me = os.geteuid()
        try:
            if me == 0:
                os.seteuid(NOBODY)
            yield folder
        finally:
            os.seteuid(me)
            (folder / "P1" / "post").chmod(0o700)


def test_a_source_with_a_closed_folder_is_refused_in_one_line(closed):
    with pytest.raises(UserError, match=r"Permission denied: '.*P1/post'\); check"):
        _ = Storage(closed).files


def test_what_has_vanished_is_no_files(tmp_path):
    assert walk(tmp_path / "gone") == []
