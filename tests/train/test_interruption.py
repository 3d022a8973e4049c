"""Requests to stop are recorded, whatever sent them; those that somebody has silenced stay silent."""

from __future__ import annotations

import os
import signal

import pytest

from components.train.interruption import Interruption


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_training_when_it_asks(number):
    before = signal.signal(number, signal.SIG_DFL)  # nohup may have silenced it for these tests
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
            with pytest.raises(SystemExit) as end:
                interruption.check()
        assert end.value.code == 128 + number
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


# By nohup; by shells for what runs in the background.
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_is_ignored_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), number)
            interruption.check()
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)
