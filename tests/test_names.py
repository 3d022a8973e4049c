"""One word, one meaning: no two modules of a name, but for a stage's three and the `stage.py` that rooms share."""

from __future__ import annotations

import ast
from collections import Counter

from conftest import ROOT

TOPS = ("components", "models", "pipelines")


def test_no_two_modules_have_the_same_name():
    names = Counter(
        path.stem for top in TOPS for path in (ROOT / top).rglob("*.py") if path.name not in ("__init__.py", "stage.py")
    )
    stages = {path.stem for path in (ROOT / "pipelines" / "stages").glob("*.py")}
    assert len(names) > 150
    assert [name for name, count in names.items() if count > 1 and name not in stages] == []


def test_no_two_test_modules_have_the_same_name():
    """Pytest would import one of them only."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py"))
    assert len(names) > 200
    assert [name for name, count in names.items() if count > 1] == []


def test_a_folder_of_tests_can_be_run_alone():
    """What tests of several folders share lies in tests/support: pytest finds helpers there, and in a test's folder."""
    tests = ROOT / "tests"
    shared = (tests, tests / "support")
    helpers = {path.stem: path.parent for path in tests.rglob("*.py") if not path.name.startswith("test_")}
    assert len(helpers) > 50
    assert [
        (path.relative_to(tests).as_posix(), name)
        for path in tests.rglob("*.py")
        for name in _imported(path)
        if helpers.get(name, tests) not in (*shared, path.parent)
    ] == []


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
