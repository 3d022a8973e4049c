"""SIGKILL at random moments, twenty times each: nothing is left that a rerun would take for complete."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.mark.parametrize("kind", ["ingest", "convert"])
def test_what_a_kill_leaves_is_whole_or_absent_and_a_rerun_clears_up(tmp_path, kind):
    command = [sys.executable, ROOT / "tests" / "killing.py", kind, tmp_path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "killed at work" in result.stdout
