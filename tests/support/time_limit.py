"""A pytest plugin for a night that has to end: `pytest --until EPOCH` begins no test after that moment.

What it leaves out is skipped with a reason, so that the summary names it; a test that has begun is not cut off.
"""

from __future__ import annotations

import time

import pytest


def pytest_addoption(parser):
    text = "Begin no test after this moment, in seconds since 1970; name what was left out."
    parser.addoption("--until", type=float, metavar="EPOCH", help=text)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.config.option.until and time.time() > item.config.option.until:
        pytest.skip("left out: the time for this run is over")
