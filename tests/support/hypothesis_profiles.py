"""A pytest plugin that sets the examples of property-based tests: by day always the same, at night random ones.

`pytest --hypothesis-profile night` draws at random, stores failures in .hypothesis/, and tries those first next time.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.internal.conjecture import providers

KEPT = Path(__file__).resolve().parents[2] / ".hypothesis" / "examples"
# No deadline: a busy machine is slow.
UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
# For tests whose examples share the folder of a fixture.
SHARED_FOLDER = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

settings.register_profile("day", **UNTIMED, derandomize=True, database=None)
settings.register_profile("night", **UNTIMED, derandomize=False, database=DirectoryBasedExampleDatabase(KEPT))
settings.load_profile("day")  # unless an option names another


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart():
    """By day, make the examples depend on nothing but their test.

    Hypothesis also draws constants from the project's modules that are imported, and which modules are imported when a
    test begins depends on the tests that its worker has run before.
    """
    if settings.get_current_profile_name() != "night":
        providers._get_local_constants = lambda: (
            providers._local_constants
        )  # empty, because nothing collects them any more
