"""What a test leaves open fails a test of the same file, as a pytest plugin.

A generator, a pool or a socket that nobody has closed is noticed when Python collects what is no longer used. By itself
it does so at any later moment, and the failure would be that of whichever test happens to run then.
"""

from __future__ import annotations

import gc
import sys

import pytest

MANY = 100  # modules


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """Spare all further collections a look through what has been imported, most of it TensorFlow and TFX."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def collected():
    """Collect after the last test of a file; set up before all other fixtures of the file, it ends after them."""
    before = len(sys.modules)
    yield
    gc.collect()
    if len(sys.modules) > before + MANY:
        gc.freeze()
