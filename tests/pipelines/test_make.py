"""Variables given to `make` reach the command unchanged, despite the special characters of make and the shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from conftest import ROOT
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis_profiles import SHARED_FOLDER

# Takes the place of the command in .venv and records its arguments.
RECORD_ARGUMENTS = """\
#!/usr/bin/env python3
import json, sys
json.dump(sys.argv[1:], open("words.json", "w"))
"""
# A variable of make can't hold line breaks, and make strips the blanks around it.
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).map(str.strip).filter(bool)


@pytest.fixture(scope="module")
def run_make(tmp_path_factory):
    """A function that calls make and returns the arguments that the command received."""
    folder = tmp_path_factory.mktemp("make")
    shutil.copy(ROOT / "Makefile", folder)
    for name, text in {
        ".venv/bin/glioflow": RECORD_ARGUMENTS,
        ".venv/bin/python": RECORD_ARGUMENTS,
        "infra/bootstrap.py": "",
    }.items():
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
def test_any_source_is_passed_as_it_was_typed(run_make, source):
    assert run_make("run", f"SOURCE={source}") == ["run", "--source", source]
    assert run_make("bench-data", f"SOURCE={source}") == ["benchmarks/data.py", "--source", source]


@pytest.mark.parametrize("line", ["split.holdout_sites=[AA, BB]", "source=/a b/$c seed=3", 'split.file="a, b.csv"'])
def test_settings_are_passed_as_one_argument(run_make, line):
    assert run_make("run", "SCALE=laptop", f"SET={line}") == ["run", "--scale", "laptop", "--settings", line]


def test_unset_variables_pass_no_options(run_make):
    assert run_make("run") == ["run"]
    assert run_make("bench-predict", "SOURCE=a b", "MODEL=$x") == [
        *("benchmarks/prediction.py", "--source", "a b", "--model", "$x")
    ]
