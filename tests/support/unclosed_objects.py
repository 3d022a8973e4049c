"""A pytest plugin: what a test leaves open makes a test of the same file fail.

Python notices an unclosed generator, pool or socket when it is garbage-collected. Without this plugin, that happens at
any later time, and whichever test is running then fails.
"""

from __future__ import annotations

import gc
import sys

import pytest

MANY_MODULES = 100  # modules


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """Exempt everything imported so far, mostly TensorFlow and TFX, from garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def collect_garbage():
    """Collect garbage after the last test of a file; set up before the file's other fixtures, it ends after them."""
    before = len(sys.modules)
    yield
    gc.collect()
    if len(sys.modules) > before + MANY_MODULES:
        gc.freeze()
