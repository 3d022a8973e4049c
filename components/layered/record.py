"""What layered.json holds: the choices made for a layered model; and where its SavedModel lies."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.files import read_json
from components.common.layout import LAYERED, LITERT, REGISTERED, SERVING

# The entries of layered.json that a decision needs.
CHOICES = ("neighbors", "tumor_threshold", "mask_threshold", "processing")
COPY_AGAIN = "copy it again, or run `dvc checkout`"


def saved_model(folder: str | Path) -> Path:
    """Return the SavedModel in a folder from assemble or from the registry, or the folder itself."""
    inside = (Path(folder) / name for name in (SERVING, REGISTERED))
    return next((place for place in inside if place.is_dir()), Path(folder))


def read_record(folder: str | Path) -> dict[str, Any]:
    """Read the choices made for a layered model; raises UserError if one of `CHOICES` is missing."""
    try:
        record = read_json(saved_model(folder) / LAYERED)
    except PermissionError as error:
        raise UserError(f"{folder}: user {os.getuid()} may not read it; see to its permissions") from error
    except (UserError, OSError) as error:
        raise UserError(
            f"{folder}: no layered model there; give a folder that assemble wrote, e.g. artifacts/layered, or one of "
            "the registry"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{folder}: {LAYERED} is damaged; {COPY_AGAIN}") from error
    if not isinstance(record, dict):
        raise UserError(f"{folder}: {LAYERED} is damaged; {COPY_AGAIN}")
    lacking = [name for name in CHOICES if name not in record]
    if lacking:
        raise UserError(f"{folder}: {LAYERED} lacks {', '.join(lacking)}; assemble the model again with this version")
    return record


def digest(folder: str | Path) -> str:
    """SHA-256 over a layered model's weights and choices; raises UserError if there is no model."""
    read_record(folder)
    place, sha = saved_model(folder), hashlib.sha256()
    litert = [place / file for file in LITERT.values() if (place / file).is_file()]
    for path in sorted([place / LAYERED, *litert, *(place / "variables").glob("*")]):
        sha.update(path.read_bytes())
    return sha.hexdigest()
