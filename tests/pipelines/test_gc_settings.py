"""`collect_seldom` skips garbage collection at the end of a process, but temporary folders are still removed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conftest import ROOT

PROGRAM = """
import tempfile
from pipelines.processes import gc_settings

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


def printed_at_exit(seldom):
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM.format(seldom=seldom)]
    folder, *printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not Path(folder).exists()
    return printed


def test_no_garbage_is_collected_at_exit_but_folders_are_removed():
    assert printed_at_exit("") == ["collected"]
    assert printed_at_exit("gc_settings.collect_seldom()") == []
