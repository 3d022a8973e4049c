"""A pytest plugin that limits the time of nightly runs: `pytest --until EPOCH` starts no test after that moment.

Later tests are skipped with a reason, so that the summary names them; a test that has started is not interrupted.
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
