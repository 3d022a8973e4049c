"""The evaluator of Argo's conditions that test_nights uses."""

from __future__ import annotations

import pytest
from expressions import evaluate

LAST = {"status": "Failed", "exitCode": "143", "message": "Error (exit code 143)"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true == true", True),
        ("false == true", False),
        ("'true' == 'true'", True),
        ('"Succeeded" != "Succeeded"', False),
        ("true", True),
        ("train-segmenter && split.Skipped", True),
        ("split.Succeeded || !train-segmenter", False),
        ('lastRetry.status == "Error" || asInt(lastRetry.exitCode) in [137, 143]', True),
        ("asInt(lastRetry.exitCode) in [-1, 2]", False),
        ('!(lastRetry.message contains "OOMKilled")', True),
        ('indexOf(lastRetry.message, "OOMKilled") == -1', True),
        ("1 < 2 && 2 <= 2 && !(2 > 3)", True),
        ("'a' in ('a', 'b') ? 'yes' : 'no'", "yes"),
    ],
)
def test_supported_expressions_are_evaluated(text, value):
    assert (
        evaluate(text, lastRetry=LAST, **{"train-segmenter": True, "split": {"Skipped": True, "Succeeded": False}})
        == value
    )


@pytest.mark.parametrize("text", ["true ==", "1 + 1", "{{tasks.prepare.status}} == x", "toJson(1)", "a ?? b", "(true"])
def test_unsupported_expressions_raise_an_error(text):
    with pytest.raises((AssertionError, KeyError)):
        evaluate(text, a=1, b=2)
