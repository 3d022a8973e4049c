"""Errors of DVC, with the file that they are about."""

from __future__ import annotations

import os

from dvc.config import ConfigError
from dvc.exceptions import DvcException


def in_words(error: DvcException) -> str:
    """Name the file and the reason, on one line."""
    path = getattr(error, "path", None)  # of dvc.yaml, dvc.lock and pointers that can't be parsed
    file = ".dvc/config" if isinstance(error, ConfigError) else os.path.relpath(path) if path else "dvc.yaml"
    return f"{file}: {' '.join(str(error).split())}"
