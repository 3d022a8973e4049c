from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool

import pytest

from components.io.process_pool import in_order


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
