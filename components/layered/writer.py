"""Write a layered model: the SavedModel, with its record among its assets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.common.files import atomic_folder, write_json
from components.common.layout import LAYERED, SERVING
from models.serving.layered_model import Layered


def write(model: Layered, record: dict[str, Any], layered: str | Path) -> None:
    """Set the choices of a layered model to those of `record` and write it to the folder `layered`."""
    for name in ("tumor_threshold", "mask_threshold", "tumor_temperature", "mask_temperature"):
        getattr(model, name).assign(record[name])
    with atomic_folder(layered) as part:
        model.save(part / SERVING)
        (part / SERVING / LAYERED).parent.mkdir()
        write_json(part / SERVING / LAYERED, record)
