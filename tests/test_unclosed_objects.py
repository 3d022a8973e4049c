"""Something left open fails the tests of the file that left it open, not those that run next."""

from __future__ import annotations

pytest_plugins = ["pytester"]

LEAKING_TEST = """
class Open:
    def __init__(self):
        self.itself = self  # so that only a collection finds it

    def __del__(self):
        raise ResourceWarning("left open")

def test_that_leaves_something_open():
    Open()
"""
INNOCENT_TEST = """
import gc

def test_of_another_file():
    gc.collect()
"""


def test_an_object_left_open_fails_a_test_of_the_file_that_left_it(pytester):
    pytester.makepyfile(test_a=LEAKING_TEST, test_b=INNOCENT_TEST)
    result = pytester.runpytest_inprocess("-p", "unclosed_objects", "-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["ERROR test_a.py::test_that_leaves_something_open*"])
