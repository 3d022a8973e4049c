"""What is typed behind `make` reaches the command line letter by letter, past make's and the shell's own grammar."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from conftest import ROOT
from drawing import SHARED_FOLDER
from hypothesis import example, given, settings
from hypothesis import strategies as st

# Stands where .venv has the command, and notes what comes in.
NOTE = """\
#!/usr/bin/env python3
import json, sys
json.dump(sys.argv[1:], open("words.json", "w"))
"""
# No variable of make holds a line's end, and it drops blanks around one.
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).map(str.strip).filter(bool)


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """A function that calls make and gives the words that the command has got."""
    folder = tmp_path_factory.mktemp("make")
    shutil.copy(ROOT / "Makefile", folder)
    for name, text in {".venv/bin/glioflow": NOTE, ".venv/bin/python": NOTE, "infra/bootstrap.py": ""}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)

    def call(*words):
        (folder / "words.json").unlink(missing_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        made = subprocess.run(["make", *words], cwd=folder, env=clean, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        return json.loads((folder / "words.json").read_text(encoding="utf-8"))

    return call


@settings(max_examples=8, suppress_health_check=SHARED_FOLDER)
@example("/scans of Köln (2), a=b/[x] #3 & ~'\"`$HOME $(ls) ${x} \\n;*?")
@given(LINES)
def test_any_source_arrives_as_it_was_typed(called, source):
    assert called("run", f"SOURCE={source}") == ["run", "--source", source]
    assert called("bench-data", f"SOURCE={source}") == ["benchmarks/data.py", "--source", source]


@pytest.mark.parametrize("line", ["split.holdout_sites=[AA, BB]", "source=/a b/$c seed=3", 'split.file="a, b.csv"'])
def test_parameters_arrive_as_one_line(called, line):
    assert called("run", "SCALE=laptop", f"SET={line}") == ["run", "--scale", "laptop", "--settings", line]


def test_without_a_switch_none_is_passed(called):
    assert called("run") == ["run"]
    assert called("bench-predict", "SOURCE=a b", "MODEL=$x") == [
        *("benchmarks/prediction.py", "--source", "a b", "--model", "$x")
    ]
