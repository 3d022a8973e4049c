"""SIGKILL at every change of a file, and at random moments, leaves nothing that a rerun would mistake for complete."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import SUPPORT, TEST_PYTHONPATH

pytestmark = pytest.mark.long


def run_killing_script(*arguments):
    """Run `killing.py`, and return its report."""
    command = [sys.executable, SUPPORT / "killing.py", *arguments]
    environment = {**os.environ, "PYTHONPATH": TEST_PYTHONPATH}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr[-3000:]
    return result.stdout


@pytest.mark.parametrize("kind", ["ingest", "convert", "watch"])
def test_a_kill_leaves_whole_files_or_none_and_a_rerun_cleans_up(tmp_path, kind):
    assert "looked at" in run_killing_script(kind, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["ingest", "convert"])
def test_kills_at_random_moments_with_workers_leave_whole_files_or_none(tmp_path, kind):
    assert "at work" in run_killing_script(kind, tmp_path, "--random")
