"""A pytest plugin: a folder that can't be listed, even if the tests run as root."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from components.io.storage import Storage

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
