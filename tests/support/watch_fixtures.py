"""Fixtures for the tests of a watch; they import late, because every test run loads this file."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def model():
    """Folder of the reference model."""
    from components.layered.reference import reference_model

    return reference_model()


@pytest.fixture(scope="session")
def detector(model):
    """The reference model, loaded."""
    from components.predict.detector import Detector

    return Detector(model)


@pytest.fixture(scope="session")
def patients(demo_source):
    """Patient folders of the demo, sorted by name."""
    return sorted(path for path in demo_source.iterdir() if path.is_dir())


@pytest.fixture
def watch(tmp_path, model, detector):
    """A watch on an empty drop folder."""
    from watch_harness import watched

    with watched(tmp_path, model, detector) as harness:
        yield harness
