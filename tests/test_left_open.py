"""Who leaves something open is told, and not whoever comes next."""

from __future__ import annotations

pytest_plugins = ["pytester"]

LEAVES = """
class Open:
    def __init__(self):
        self.itself = self  # so that only a collection finds it

    def __del__(self):
        raise ResourceWarning("left open")

def test_that_leaves_something_open():
    Open()
"""
INNOCENT = """
import gc

def test_of_another_file():
    gc.collect()
"""


def test_what_is_left_open_fails_a_test_of_the_file_that_has_left_it(pytester):
    pytester.makepyfile(test_a=LEAVES, test_b=INNOCENT)
    result = pytester.runpytest_inprocess("-p", "left_open", "-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["ERROR test_a.py::test_that_leaves_something_open*"])
