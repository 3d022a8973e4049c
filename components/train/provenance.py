"""What a model was made from: hashes of code, data and parameters, stored inside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

CODE = (
    "components/train/*.py",
    "components/io/*.py",
    "components/scans/*.py",
    "models/examples.py",
    "models/networks/*.py",
)


def code_hash(root: str | Path = Path(__file__).parents[2]) -> str:
    """SHA-256 over the names and contents of the Python files that determine the trained weights.

    `components/common` is not among them: it reads parameters, whose values have a hash of their own.
    """
    digest = hashlib.sha256()
    for file in sorted(file for pattern in CODE for file in Path(root).glob(pattern)):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def json_hash(value: Any) -> str:
    """SHA-256 of a value written as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
