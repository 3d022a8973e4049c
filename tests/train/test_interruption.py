"""Signals that ask a training to stop take effect at its next check; ignored signals stay ignored."""

from __future__ import annotations

import os
import signal

import pytest

from components.train.interruption import Interruption


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_training_at_its_next_check(number):
    before = signal.signal(number, signal.SIG_DFL)  # nohup may have made this process ignore it
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


# nohup ignores SIGHUP; shells ignore SIGINT for background jobs.
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_an_ignored_signal_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), number)
            interruption.check()
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)
