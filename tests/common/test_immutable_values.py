"""Measurements and decisions are immutable values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from components.evaluate.gate import refusal
from components.metrics.calibration import tally
from components.metrics.choice import Choice
from components.metrics.components3d import Processing
from components.metrics.paired import paired_difference
from components.split.rule import SplitRule


@pytest.mark.parametrize(
    "value",
    [
        refusal("somebody", "something"),
        SplitRule(0.2, 0.2, 2, 1),
        Processing(),
        Choice(),
        paired_difference({"a": 1.0}, {"a": 1.0}, margin=0, seed=0),
        tally(np.zeros(1), np.zeros(1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_immutable(value):
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, None)


def test_default_processing_keeps_everything():
    assert Processing() == Processing(largest=False, min_ml=0.0)
