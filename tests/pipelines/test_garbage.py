"""What a process leaves to the operating system when it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conftest import ROOT

LEAVES = """
import tempfile
from pipelines import garbage

class Loop:
    def __init__(self):
        self.itself = self  # so that only a collection finds it

    def __del__(self):
        print("collected")

{seldom}
folder = tempfile.TemporaryDirectory()
print(folder.name)
Loop()
"""


def collected(seldom):
    command = [sys.executable, "-W", "ignore", "-c", LEAVES.format(seldom=seldom)]
    folder, *more = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not Path(folder).exists()
    return more


def test_nothing_is_collected_as_a_process_ends_but_its_folders_go():
    assert collected("") == ["collected"]
    assert collected("garbage.collect_seldom()") == []
