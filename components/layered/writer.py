"""Write a layered model: the SavedModel, with its record and the LiteRT files of its networks among its assets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.common.files import atomic_folder, write_json
from components.common.layout import LAYERED, LITERT, SERVING
from models.serving.layered_model import Layered


def write(model: Layered, record: dict[str, Any], layered: str | Path, litert: dict[str, bytes] | None = None) -> None:
    """Set the choices of a layered model to those of `record` and write it to the folder `layered`.

    Args:
        litert: LiteRT files of both networks, by network; None writes none, and only TensorFlow can run the model.
    """
    for name in ("tumor_threshold", "mask_threshold", "tumor_temperature", "mask_temperature"):
        getattr(model, name).assign(record[name])
    with atomic_folder(layered) as part:
        model.save(part / SERVING)
        write_assets(part / SERVING, record, litert)


def write_assets(folder: Path, record: dict[str, Any], litert: dict[str, bytes] | None) -> None:
    """Write the record, which describes the LiteRT files, and those files into the folder of a SavedModel."""
    (folder / LAYERED).parent.mkdir(parents=True)
    for network, data in (litert or {}).items():
        (folder / LITERT[network]).write_bytes(data)
    write_json(folder / LAYERED, record)
