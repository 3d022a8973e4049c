"""Hashes of code and parameters: what changes them and what does not."""

from __future__ import annotations

import shutil

import pytest
from conftest import ROOT

from components.train import provenance


@pytest.fixture
def tree(tmp_path):
    """A copy of the project's code."""
    for folder in ("components", "models"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_same_code_elsewhere_has_the_same_hash(tree):
    assert provenance.code_hash(tree) == provenance.code_hash() == provenance.code_hash(ROOT)


@pytest.mark.parametrize(
    "file",
    ["components/train/stage.py", "components/scans/scan.py", "components/io/storage.py", "models/networks/losses.py"],
)
def test_any_change_of_training_code_changes_the_hash(tree, file):
    before = provenance.code_hash(tree)
    with (tree / file).open("a") as opened:
        opened.write("\n")
    assert provenance.code_hash(tree) != before


def test_renaming_a_file_changes_the_hash(tree):
    before = provenance.code_hash(tree)
    (tree / "models" / "networks" / "losses.py").rename(tree / "models" / "networks" / "lost.py")
    assert provenance.code_hash(tree) != before


def test_code_not_used_in_training_does_not_affect_the_hash(tree):
    before = provenance.code_hash(tree)
    (tree / "components" / "report" / "page.py").write_text("")
    (tree / "models" / "serving" / "picture_codec.py").write_text("")
    (tree / "models" / "__pycache__").mkdir()
    (tree / "models" / "__pycache__" / "losses.cpython-310.pyc").write_bytes(b"")
    assert provenance.code_hash(tree) == before


def test_json_hash_depends_on_values_but_not_on_key_order():
    assert provenance.json_hash({"a": 1, "b": [2]}) == provenance.json_hash({"b": [2], "a": 1})
    assert len({provenance.json_hash(value) for value in ({"a": 1}, {"a": 2}, {"b": 1}, [1], 1, "1", None)}) == 7
