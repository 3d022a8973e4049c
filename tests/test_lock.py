"""infra/lock.py reports changed versions, and a failed resolution changes no lock."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "infra"))

import lock

BEFORE = """alpha==1.0 ; python_full_version < '3.11' \\
    --hash=sha256:00
alpha==2.0 ; python_full_version >= '3.11'
beta[extra]==3.1
    # via alpha==9
gone==1
"""


def test_a_change_names_the_versions_of_both_stacks():
    after = BEFORE.replace("2.0", "2.1").replace("gone", "new")
    assert list(lock.changes(BEFORE, after)) == [
        "  alpha: 1.0, 2.0 -> 1.0, 2.1",
        "  gone: 1 -> none",
        "  new: none -> 1",
    ]


def test_changed_hashes_or_markers_are_not_reported():
    assert list(lock.changes(BEFORE, BEFORE.replace("sha256:00", "sha256:01").replace("3.11", "3.12"))) == []


@pytest.mark.nightly  # asks the package index
def test_a_failed_resolution_changes_no_lock(tmp_path):
    locks = [
        "requirements.lock",
        *(f"infra/{name}/requirements.lock" for name in ("docker", "predict", "checks")),
    ]
    locks += [f"infra/docker/{name}.lock" for name in ("gpu", "tools")]
    for name in ("infra", "pipelines"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".python-version", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    before = {name: (tmp_path / name).read_bytes() for name in locks}
    project_file = tmp_path / "pyproject.toml"
    project_file.write_text(
        project_file.read_text(encoding="utf-8").replace('"optuna>=4"', '"optuna>=4000"'), encoding="utf-8"
    )
    run = subprocess.run([sys.executable, "infra/lock.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "`uv lock` failed" in run.stderr
    assert {name: (tmp_path / name).read_bytes() for name in locks} == before
