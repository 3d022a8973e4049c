"""No two modules have the same name, except the three of a stage and the `stage.py` of each room."""

from __future__ import annotations

import ast
from collections import Counter

from conftest import ROOT

TOP_PACKAGES = ("components", "models", "pipelines")


def test_no_two_modules_have_the_same_name():
    names = Counter(
        path.stem
        for top in TOP_PACKAGES
        for path in (ROOT / top).rglob("*.py")
        if path.name not in ("__init__.py", "stage.py")
    )
    stages = {path.stem for path in (ROOT / "pipelines" / "stages").glob("*.py")}
    assert len(names) > 150
    assert [name for name, count in names.items() if count > 1 and name not in stages] == []


def test_no_two_test_modules_have_the_same_name():
    """Pytest would import only one of them."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py"))
    assert len(names) > 200
    assert [name for name, count in names.items() if count > 1] == []


def test_a_folder_of_tests_can_be_run_alone():
    """Helpers that several folders share are in tests/support: pytest finds helpers only there and next to a test."""
    tests = ROOT / "tests"
    shared = (tests, tests / "support")
    helpers = {path.stem: path.parent for path in tests.rglob("*.py") if not path.name.startswith("test_")}
    assert len(helpers) > 50
    assert [
        (path.relative_to(tests).as_posix(), name)
        for path in tests.rglob("*.py")
        for name in _imported_modules(path)
        if helpers.get(name, tests) not in (*shared, path.parent)
    ] == []


def _imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
