"""The reference model: weights that ship with the project, so that prediction works before any training."""

from __future__ import annotations

import hashlib
from pathlib import Path

from components.common.errors import UserError
from components.common.files import read_json

NAME = "reference"
FOLDER = Path(__file__).resolve().parents[2] / NAME
CHOICES = "layered.json"
NETWORKS = ("classifier", "segmenter")
WRITTEN = Path("artifacts/models")


def reference_model(folder: Path = FOLDER, written: Path = WRITTEN) -> Path:
    """Return the reference model as a layered model, built from its weights on first use (half a minute).

    Args:
        folder: networks in half precision, as written by `models.networks.network_files.halve`, and the choices.
        written: output folder for the layered model.

    Raises:
        UserError: the weights are missing or damaged.
    """
    parts = [folder / network for network in NETWORKS]
    if not all(part.is_dir() for part in parts):
        raise UserError(f"{folder}: no reference model there; check the project out anew, or give --model")
    target = written / f"{NAME}-{_hash(folder)[:12]}"
    if not target.is_dir():
        from components.layered.writer import write
        from models.networks.network_files import load_network
        from models.serving.layered_model import Layered

        try:
            networks = [load_network(part) for part in parts]
            record = read_json(folder / CHOICES)
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{folder}: damaged reference model; restore it with `git checkout {NAME}`") from error
        target.parent.mkdir(parents=True, exist_ok=True)
        write(Layered(*networks, mirror=record["mirror"]), record, target)
    return target


def _hash(folder: Path) -> str:
    sha = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        sha.update(path.read_bytes())
    return sha.hexdigest()
