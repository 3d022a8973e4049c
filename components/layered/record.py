"""What layered.json holds: the choices made for a layered model; and where its SavedModel lies."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.files import read_json
from components.common.layout import LAYERED, LITERT, REGISTERED, SERVING


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_fraction(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_processing(value: Any) -> bool:
    if not isinstance(value, dict) or not value.keys() <= {"largest", "min_ml"}:
        return False
    least = value.get("min_ml", 0.0)
    return type(value.get("largest", False)) is bool and _is_number(least) and least >= 0


def _is_smoothing(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"sigma", "temperature", "threshold"}
        and _is_positive(value["sigma"])
        and _is_positive(value["temperature"])
        and _is_fraction(value["threshold"])
    )


def are_slice_options(value: Any) -> bool:
    """Tell whether `value` says how volumes were resampled to slices: arguments of `sources.reading.Options`."""
    if not isinstance(value, dict) or not value.keys() <= {"size", "spacing", "channels", "from_source"}:
        return False
    size, channels = value.get("size"), value.get("channels", [])
    return (
        (size is None or (type(size) is int and size > 0))
        and _is_positive(value.get("spacing", 1.0))
        and isinstance(channels, list)
        and all(isinstance(name, str) for name in channels)
        and type(value.get("from_source", False)) is bool
    )


# The entries of layered.json that a decision needs, and those that models of earlier versions lack.
NEEDED: dict[str, Callable[[Any], bool]] = {
    "neighbors": lambda value: type(value) is int and value >= 0,
    "tumor_threshold": _is_fraction,
    "mask_threshold": _is_fraction,
    "processing": _is_processing,
}
OPTIONAL: dict[str, Callable[[Any], bool]] = {
    "tumor_temperature": _is_positive,
    "mask_temperature": _is_positive,
    "tumor_smoothing": _is_smoothing,
    "mirror": lambda value: type(value) is bool,
    "refer_at_doubt": _is_number,
    "slices": are_slice_options,
}
COPY_AGAIN = "copy it again, or run `dvc checkout`"


def saved_model(folder: str | Path) -> Path:
    """Return the SavedModel in a folder from assemble or from the registry, or the folder itself."""
    inside = (Path(folder) / name for name in (SERVING, REGISTERED))
    return next((place for place in inside if place.is_dir()), Path(folder))


def read_record(folder: str | Path) -> dict[str, Any]:
    """Read the choices made for a layered model.

    Raises:
        UserError: one of `NEEDED` is missing, or an entry holds what no decision can be made with.
    """
    try:
        record = read_json(saved_model(folder) / LAYERED)
    except PermissionError as error:
        raise UserError(f"{folder}: user {os.getuid()} may not read it; check its permissions") from error
    except (UserError, OSError) as error:
        raise UserError(
            f"{folder}: no layered model there; give a folder that assemble wrote, e.g. artifacts/layered, or one of "
            "the registry"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{folder}: {LAYERED} is damaged; {COPY_AGAIN}") from error
    if not isinstance(record, dict):
        raise UserError(f"{folder}: {LAYERED} is damaged; {COPY_AGAIN}")
    lacking = [name for name in NEEDED if name not in record]
    if lacking:
        raise UserError(f"{folder}: {LAYERED} lacks {', '.join(lacking)}; assemble the model again with this version")
    for name, is_valid in (NEEDED | OPTIONAL).items():
        if name in record and not is_valid(record[name]):
            raise UserError(f"{folder}: {LAYERED} is damaged: {name} can't be {record[name]!r:.40}; {COPY_AGAIN}")
    return record


def stage1_threshold(record: dict[str, Any]) -> float:
    """Lowest probability at which a slice of a scan passes stage 1, after smoothing if the model does that."""
    return record.get("tumor_smoothing", {}).get("threshold", record["tumor_threshold"])


def digest(folder: str | Path) -> str:
    """SHA-256 over a layered model's weights and choices; raises UserError if there is no model."""
    read_record(folder)
    place, sha = saved_model(folder), hashlib.sha256()
    litert = [place / file for file in LITERT.values() if (place / file).is_file()]
    for path in sorted([place / LAYERED, *litert, *(place / "variables").glob("*")]):
        sha.update(path.read_bytes())
    return sha.hexdigest()
