"""What layered.json holds: the choices that were made for a layered model, and where its SavedModel lies."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.files import read_json
from components.common.layout import LAYERED, REGISTERED, SERVING

# What of layered.json a decision needs.
CHOICES = ("neighbors", "tumor_threshold", "mask_threshold", "processing")
COPY_AGAIN = "copy it again, or run `dvc checkout`"


def saved_model(folder: str | Path) -> Path:
    """The SavedModel in a folder that assemble wrote, in one that the registry holds, or the folder itself."""
    inside = (Path(folder) / name for name in (SERVING, REGISTERED))
    return next((place for place in inside if place.is_dir()), Path(folder))


def read_record(folder: str | Path) -> dict[str, Any]:
    """The choices that were made for a layered model; raises UserError where the folder lacks one of `CHOICES`."""
    try:
        record = read_json(saved_model(folder) / LAYERED)
    except (UserError, OSError) as error:
        raise UserError(
            f"{folder}: no layered model there; give a folder that assemble wrote, e.g. artifacts/layered, or one of "
            "the registry"
        ) from error
    except ValueError as error:
        raise UserError(f"{folder}: {LAYERED} is damaged; {COPY_AGAIN}") from error
    lacking = [name for name in CHOICES if name not in record]
    if lacking:
        raise UserError(f"{folder}: {LAYERED} lacks {', '.join(lacking)}; assemble the model again with this version")
    return record


def digest(folder: str | Path) -> str:
    """SHA-256 over a layered model: its weights and its choices. Raises UserError where there is none."""
    read_record(folder)
    sha = hashlib.sha256()
    for path in sorted([saved_model(folder) / LAYERED, *(saved_model(folder) / "variables").glob("*")]):
        sha.update(path.read_bytes())
    return sha.hexdigest()
