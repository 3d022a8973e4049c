"""Killed at any moment, a review loses no acknowledged decision, and a source is its old or its new version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import IMPORTS

KILLING = Path(__file__).with_name("killing_review.py")


def killing(folder, *arguments):
    run = subprocess.run(
        [sys.executable, KILLING, arguments[0], folder, *arguments[1:]],
        env={**os.environ, "PYTHONPATH": IMPORTS}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.parametrize("what", ["decide", pytest.param("adopt", marks=pytest.mark.nightly)])
def test_before_every_change_of_a_file(tmp_path, what):
    assert "killed before" in killing(tmp_path, what)


@pytest.mark.nightly
def test_a_hundred_times_at_random(tmp_path):
    assert "killed 100 times" in killing(tmp_path, "decide", "--random", "100")
