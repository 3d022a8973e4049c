"""SIGKILL at every change of a file, and at random moments: nothing is left that a rerun would take for complete."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import IMPORTS, SUPPORT

pytestmark = pytest.mark.long


def killing(*arguments):
    """What `killing.py` says of its kills."""
    command = [sys.executable, SUPPORT / "killing.py", *arguments]
    environment = {**os.environ, "PYTHONPATH": IMPORTS}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr[-3000:]
    return result.stdout


@pytest.mark.parametrize("kind", ["ingest", "convert", "watch"])
def test_what_a_kill_leaves_is_whole_or_absent_and_a_rerun_clears_up(tmp_path, kind):
    assert "looked at" in killing(kind, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["ingest", "convert"])
def test_the_same_holds_at_random_moments_and_with_workers(tmp_path, kind):
    assert "at work" in killing(kind, tmp_path, "--random")
