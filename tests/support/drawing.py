"""Which examples property-based tests draw, as a pytest plugin: by day the same each time, at night others.

`pytest --hypothesis-profile night` draws at random, keeps what it finds in .hypothesis/, and tries that first later.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.internal.conjecture import providers

KEPT = Path(__file__).resolve().parents[2] / ".hypothesis" / "examples"
# No time is a finding: a busy machine draws slowly.
UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
# For tests whose examples share the folder that a fixture gives to the test.
SHARED_FOLDER = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

settings.register_profile("day", **UNTIMED, derandomize=True, database=None)
settings.register_profile("night", **UNTIMED, derandomize=False, database=DirectoryBasedExampleDatabase(KEPT))
settings.load_profile("day")  # where no option names another


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart():
    """By day, let examples depend on nothing but their test.

    Hypothesis also draws numbers and words that it reads in the project's modules. Which of them are imported when a
    test begins depends on what its worker did before.
    """
    if settings.get_current_profile_name() != "night":
        providers._get_local_constants = lambda: providers._local_constants  # none: nobody fills them any more
