"""A kill at any moment loses no acknowledged decision of a review, and leaves a source in its old or new version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TEST_PYTHONPATH

KILLING = Path(__file__).with_name("killing_review.py")


def run_killing(folder, *arguments):
    run = subprocess.run(
        [sys.executable, KILLING, arguments[0], folder, *arguments[1:]],
        env={**os.environ, "PYTHONPATH": TEST_PYTHONPATH}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.parametrize("what", ["decide", pytest.param("adopt", marks=pytest.mark.nightly)])
def test_a_kill_before_any_change_of_a_file_loses_nothing(tmp_path, what):
    assert "killed before" in run_killing(tmp_path, what)


@pytest.mark.nightly
def test_a_hundred_kills_at_random_lose_nothing(tmp_path):
    assert "killed 100 times" in run_killing(tmp_path, "decide", "--random", "100")
