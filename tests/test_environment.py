"""One lock serves both stacks, with a hash for every package, without CUDA, and without the address of an index."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date

import pytest
from conftest import ROOT

from pipelines import stack

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
REQUIREMENTS = [block for block in re.split(r"\n(?=[a-z0-9])", LOCK) if re.match(r"[a-z0-9]", block)]


def test_every_requirement_is_pinned_and_hashed():
    assert len(REQUIREMENTS) > 300
    for block in REQUIREMENTS:
        assert re.match(r"[\w.\[\]-]+==\S+", block), block[:80]
        assert "--hash=sha256:" in block, block[:80]


@pytest.mark.parametrize(
    ("name", "version", "marker"),
    [
        ("tfx", "1.16.0", "< '3.11'"),
        ("tfx", "1.21.0", ">= '3.11'"),
        ("tensorflow-cpu", "2.16.2", "< '3.11'"),
        ("tensorflow-cpu", "2.21.0", ">= '3.11'"),
        ("tf-keras", "2.16.0", "< '3.11'"),
    ],
)
def test_the_lock_holds_both_stacks(name, version, marker):
    (block,) = [b for b in REQUIREMENTS if b.startswith(f"{name}=={version} ")]
    assert marker in block.splitlines()[0]


def test_the_lock_for_cpu_machines_holds_no_cuda():
    assert not [block for block in REQUIREMENTS if re.match(r"nvidia-cu|nvidia-nccl|tensorflow==", block)]


def test_no_tracked_file_names_an_index():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert "uv.lock" not in files
    index = re.compile(
        "|".join([r"pypi\.o" + "rg", "python" + "hosted", r"--(extra-)?index-u" + "rl", "--find-l" + "inks"])
    )
    for name in files:
        path = ROOT / name
        if path.suffix not in (".png", ".h5", ".tflite") and path.is_file():
            assert not index.search(path.read_text(encoding="utf-8")), name


@pytest.mark.parametrize(("glibc", "first"), [((2, 39), "3.12"), ((2, 41), "3.12"), ((2, 36), "3.10"), (None, "3.10")])
def test_the_c_library_decides_the_stack(monkeypatch, glibc, first):
    monkeypatch.setattr(stack, "glibc", lambda: glibc)
    assert stack.pythons()[0] == first
    assert stack.pythons()[-1] == "3.10"


def test_the_classic_stack_can_be_requested(monkeypatch):
    monkeypatch.setattr(stack, "glibc", lambda: (2, 41))
    monkeypatch.setenv(stack.CHOICE, "classic")
    assert stack.pythons() == ["3.10"]


def test_the_end_of_life_of_this_stacks_python_and_numpy_is_known():
    names = sorted(stack.ends())
    assert [name.split()[0] for name in names] == ["NumPy", "Python"]
    assert names[1].split()[1] == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_software_past_its_end_of_life_is_reported():
    name, last = min(stack.ends().items(), key=lambda item: item[1])
    before, after = (stack.upkeep(day)[0] for day in (last, last.replace(year=last.year + 50)))
    assert before.startswith("past its end    nothing; to come: ")
    assert f"{name} on {last}" in before
    assert f"{name} ({last})" in after
    assert "to come" not in after


def test_unmaintained_pins_are_reported_only_in_the_classic_stack():
    lines = stack.upkeep(date(2026, 1, 1))[1:]
    if stack.current() == "modern":
        assert lines == []
    else:
        assert "tensorflow-cpu 2.16.2" in lines[0]
        assert "docs/security.md" in lines[0]


def test_a_new_environment_is_not_built_from_the_old_one(tmp_path):
    """Make puts .venv/bin on the PATH, but an environment built from its own interpreter would link to itself."""
    code = (
        "import sys; sys.path.insert(0, 'infra'); import bootstrap; "
        "print(bootstrap.choose_python(bootstrap.chosen([]).pythons))"
    )
    path = f"{ROOT / '.venv' / 'bin'}:/usr/bin:/bin"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert str(ROOT / ".venv") not in run.stdout


def test_an_environment_that_matches_the_lock_is_left_alone(tmp_path):
    for name in (
        "requirements.lock",
        "pyproject.toml",
        *(f"infra/{name}.py" for name in ("bootstrap", "environments", "interpreters", "pip_settings")),
        "pipelines/__init__.py",
        "pipelines/stack.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    code = (
        "import sys; sys.path.insert(0, 'infra'); import bootstrap; print(bootstrap.chosen([]).fingerprint(), end='')"
    )
    run = [sys.executable, "-c", code]
    stamp = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "lock.sha256").write_text(stamp, encoding="utf-8")
    bootstrap = [sys.executable, "infra/bootstrap.py"]
    assert subprocess.run(bootstrap, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == ""
    (tmp_path / "requirements.lock").write_text("changed", encoding="utf-8")
    assert subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True).stdout != stamp


def test_workers_keep_groups_of_tests_together(request):
    """Otherwise each worker makes what the tests of a group share, which only costs time, so nobody would notice."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("this run has one process")
    assert request.node.nodeid.endswith("@tests/test_environment.py")
