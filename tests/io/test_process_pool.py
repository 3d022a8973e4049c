"""Work in other processes comes back in order, even if an item kills its process."""

from __future__ import annotations

import os
import signal
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing

import pytest

from components.io.process_pool import WorkerProcess, in_order


def square(number):
    return number * number


def square_or_die(number):
    if number % 3 == 1:
        os._exit(1)
    return number * number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers):
    assert list(in_order(square, range(20), workers)) == [n * n for n in range(20)]


def test_no_items_give_no_results():
    assert list(in_order(square, [], 1)) == []


def test_an_item_that_kills_its_process_gets_a_substitute():
    found = list(in_order(square_or_die, range(6), 1, lambda number: f"lost {number}"))
    assert found == [0, "lost 1", 4, 9, "lost 4", 25]


def test_without_a_substitute_a_killed_process_raises():
    with pytest.raises(BrokenProcessPool):
        list(in_order(square_or_die, range(3), 1))


def blocked_signals_or_die(number):
    """Return the signals that this process blocks, or kill it."""
    if number % 3 == 1:
        os._exit(1)
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_killed_process_loses_one_call_and_stop_signals_are_blocked():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with closing(WorkerProcess(blocked_signals_or_die, lambda number: f"lost {number}")) as other:
        for number in range(3):
            found = other(number)
            assert found == "lost 1" if number == 1 else {signal.SIGINT, signal.SIGTERM} <= found
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
