"""Fixtures of the tests of a watch; they import what they need only then, because every test run loads this file."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def model():
    """Folder of the reference model."""
    from components.layered.reference import reference_model

    return reference_model()


@pytest.fixture(scope="session")
def detector(model):
    """The same, loaded."""
    from components.predict.detector import Detector

    return Detector(model)


@pytest.fixture(scope="session")
def patients(demo_source):
    """Folders of patients, by name."""
    return sorted(path for path in demo_source.iterdir() if path.is_dir())


@pytest.fixture
def watch(tmp_path, model, detector):
    """A watch of an empty drop folder."""
    from watched import watched

    with watched(tmp_path, model, detector) as made:
        yield made
