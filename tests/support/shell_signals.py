"""Fixtures for tests that send signals to their own process."""

from __future__ import annotations

import signal

import pytest
from stopping import STOPS


@pytest.fixture
def default_signals():
    """Handle signals as in an interactive shell: `nohup` and background jobs ignore some of them."""
    usual = {signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(params=STOPS)
def stop(request):
    """The signals of one way to stop a command, and the name of the first."""
    return STOPS[request.param]
