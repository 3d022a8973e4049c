"""One finished run for all tests of a process, as a pytest plugin."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from made_up_run import made_up_run


@pytest.fixture(scope="session")
def finished(tmp_path_factory, tiny_params):
    """A finished run of ten patients and a good model; tests must not change it."""
    return made_up_run(tmp_path_factory.mktemp("finished"), tiny_params)


@pytest.fixture
def changeable(finished):
    """The same run, with copies of its metrics and verdict that a test may change."""
    return replace(finished, metrics=copy.deepcopy(finished.metrics), verdict=copy.deepcopy(finished.verdict))
