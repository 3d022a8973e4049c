"""Silence the start-up noise of TensorFlow, TFX and Beam, so that all output is about the user's own run.

Also enables what TensorFlow reads from the environment on import, and blocks imports that nothing here needs.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

from components.common.held_stderr import filtered_stderr

# What TensorFlow 2.21 writes on import, before any of its own switches takes effect.
IRRELEVANT_LOG = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)|.* port\.cc:\d+\] oneDNN custom op"
)

# What TensorFlow and its Keras import if it is installed, for notebooks, plots and conversions that are not made
# here: a third of the CPU time of their own import.
UNUSED = ("IPython", "jax", "matplotlib")


def silence() -> None:
    """Set what these libraries read on import; call it before importing any of them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # TensorFlow leaves it off on CPUs with nothing beyond AVX2
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=UserWarning)
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="tensorflow_model_analysis")
    for name in ("absl", "apache_beam", "tensorflow", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if not any(isinstance(finder, _TensorFlow) for finder in sys.meta_path) and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _TensorFlow())


class _TensorFlow(importlib.abc.MetaPathFinder):
    """Finds TensorFlow and Keras as usual; while they are imported, IRRELEVANT_LOG is hidden and UNUSED is absent."""

    def __init__(self) -> None:
        self.awaited = {"tensorflow", "keras"}  # either may be the first, and imports the other

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the package as usual, with a loader that filters its output."""
        if fullname not in self.awaited:
            return None
        self.awaited.remove(fullname)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def hushed(module: ModuleType) -> None:
                with filtered_stderr(IRRELEVANT_LOG), _absent(*UNUSED):
                    load(module)

            spec.loader.exec_module = hushed  # type: ignore[method-assign]
        return spec


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Let imports of these packages fail within the block, as if they were not installed."""
    hidden = [name for name in names if name not in sys.modules and name != os.environ["KERAS_BACKEND"]]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
