from __future__ import annotations

import os
import signal
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing

import pytest

from components.io.process_pool import OtherProcess, in_order


def square(number):
    return number * number


def square_or_die(number):
    if number % 3 == 1:
        os._exit(1)
    return number * number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers):
    assert list(in_order(square, range(20), workers)) == [n * n for n in range(20)]


def test_nothing_is_nothing():
    assert list(in_order(square, [], 1)) == []


def test_an_item_that_kills_its_process_is_stood_in_for():
    found = list(in_order(square_or_die, range(6), 1, lambda number: f"lost {number}"))
    assert found == [0, "lost 1", 4, 9, "lost 4", 25]


def test_without_a_stand_in_it_is_an_error():
    with pytest.raises(BrokenProcessPool):
        list(in_order(square_or_die, range(3), 1))


def blocked_or_die(number):
    """Which signals don't reach this process."""
    if number % 3 == 1:
        os._exit(1)
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_call_that_kills_the_other_process_is_lost_and_none_is_cut_short_by_a_signal():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with closing(OtherProcess(blocked_or_die, lambda number: f"lost {number}")) as other:
        for number in range(3):
            found = other(number)
            assert found == "lost 1" if number == 1 else {signal.SIGINT, signal.SIGTERM} <= found
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
