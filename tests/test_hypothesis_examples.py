"""By day, property-based tests always draw the same examples, whatever ran before."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.skipif(settings.get_current_profile_name() == "night", reason="at night they draw others")


def draw_examples():
    """Return the examples that are drawn for a property."""
    found = []

    @given(st.integers(), st.text())
    def note(number, text):
        found.append((number, text))

    note()
    return found


def test_the_same_examples_are_drawn_whatever_else_is_imported(tmp_path, monkeypatch):
    before = draw_examples()
    assert len(set(before)) > 50
    words = [f"a_word_of_this_module_{number}" for number in range(200)]
    (tmp_path / "words_and_numbers.py").write_text(f"WORDS = {words}\nNUMBERS = {list(range(10**6, 10**6 + 200))}\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("words_and_numbers")
    assert draw_examples() == before
