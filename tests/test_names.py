"""One word, one meaning: no two modules of a name, but for a stage's three and the `stage.py` that rooms share."""

from __future__ import annotations

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
