"""The refer list puts the most doubtful patients first, and is judged by the errors it catches."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from components.metrics.referral import count_caught_errors, refer_list

DOUBT = {"a": 0.1, "b": 0.9, "c": 0.4, "d": 0.9, "e": 0.2}


def test_the_most_doubtful_come_first():
    assert refer_list(DOUBT, 0.4) == ["b", "d", "c"]
    assert refer_list(DOUBT, 0) == ["b", "d", "c", "e", "a"]
    assert refer_list(dict(reversed(DOUBT.items())), 0.4) == ["b", "d", "c"]
    assert refer_list(DOUBT, 2) == []
    assert refer_list({}, 0.5) == []


def test_patients_with_nan_doubt_come_first():
    assert refer_list({**DOUBT, "e": float("nan")}, 0.9) == ["e", "b", "d"]


@settings(deadline=None)
@given(st.integers(1, 7), st.data())
def test_chance_and_p_value_match_counting_all_lists(count, data):
    everyone = [f"p{i}" for i in range(count)]
    referred = data.draw(st.lists(st.sampled_from(everyone), unique=True))
    errors = data.draw(st.lists(st.sampled_from(everyone), unique=True, min_size=1))
    found = count_caught_errors(referred, errors, everyone)
    lists = [len(set(one) & set(errors)) for one in itertools.combinations(everyone, len(referred))]
    assert found.caught == len(set(referred) & set(errors))
    assert found.share == found.caught / len(errors)
    assert found.chance == pytest.approx(sum(lists) / len(lists) / len(errors))
    assert found.p_value == pytest.approx(sum(n >= found.caught for n in lists) / len(lists))
    missed, spared = len(errors) - found.caught, count - len(set(referred) | set(errors))
    table = [[found.caught, len(referred) - found.caught], [missed, spared]]
    assert found.p_value == pytest.approx(fisher_exact(table, "greater").pvalue)


def test_catches_match_hand_calculation():
    found = count_caught_errors(["a", "b"], ["a", "b"], list("abcdefgh"))
    assert (found.patients, found.referred, found.errors, found.caught) == (8, 2, 2, 2)
    assert (found.share, found.chance) == (1, 0.25)
    assert found.p_value == pytest.approx(1 / 28)


def test_without_errors_there_is_nothing_to_catch():
    found = count_caught_errors(["a"], [], ["a", "b"])
    assert (found.share, found.p_value, found.chance) == (None, None, 0.5)
    assert count_caught_errors([], [], []).chance is None


def test_unknown_patients_are_refused():
    with pytest.raises(ValueError, match="among the patients"):
        count_caught_errors(["x"], ["a"], ["a"])
    with pytest.raises(ValueError, match="among the patients"):
        count_caught_errors(["a"], ["x"], ["a"])
