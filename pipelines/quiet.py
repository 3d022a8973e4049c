"""Silence the start-up noise of TensorFlow, TFX and Beam, so that all output is about the user's own run.

Also enables what TensorFlow reads from the environment on import.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import logging
import os
import re
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from components.common.held_stderr import without

# What TensorFlow 2.21 writes on import, before any of its own switches takes effect.
UNASKED = re.compile(rb"WARNING: All log messages before absl::InitializeLog\(\)|.* port\.cc:\d+\] oneDNN custom op")


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
    """Finds TensorFlow as usual, once, and keeps UNASKED off standard error during its import."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the package as usual, with a loader that filters its output."""
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def hushed(module: ModuleType) -> None:
                with without(UNASKED):
                    load(module)

            spec.loader.exec_module = hushed  # type: ignore[method-assign]
        return spec
