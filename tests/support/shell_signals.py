"""For tests of signals that come to this very process."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture
def heeded():
    """Signals as an interactive shell leaves them: `nohup` and background jobs set some to be ignored."""
    usual = {signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
