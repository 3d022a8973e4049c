"""The reference model: LiteRT files that ship with the project, so that prediction works before any training."""

from __future__ import annotations

import hashlib
from pathlib import Path

from components.common import packages
from components.common.errors import UserError
from components.common.files import read_json
from components.common.layout import LAYERED, LITERT

NAME = "reference"
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / NAME
WEIGHTS = ROOT / "benchmarks" / "quality" / NAME
WRITTEN = Path("artifacts/models")


def reference_model(folder: Path = FOLDER) -> Path:
    """Return the folder of the reference model: a layered model of LiteRT files alone.

    Raises:
        UserError: it is not there.
    """
    if not (folder / LAYERED).is_file():
        raise UserError(f"{folder}: no reference model there; check the project out again, or give --model")
    return folder


def reference_saved_model(folder: Path = FOLDER, weights: Path = WEIGHTS, written: Path = WRITTEN) -> Path:
    """Return the reference model for TensorFlow, built from its networks' weights on first use (half a minute).

    Args:
        folder: see `reference_model`; the choices are taken from there.
        weights: networks in half precision, as written by `models.networks.network_files.halve`; in a checkout of the
            project, but in no installation or image.
        written: output folder for the layered model.

    Raises:
        UserError: the weights are missing or damaged, or TensorFlow is not installed.
    """
    parts = [weights / network for network in LITERT]
    if not all(part.is_dir() for part in parts):
        raise UserError(
            f"{weights}: no weights of the reference model there, which only a checkout of the project has; leave "
            "--engine out"
        )
    choices = reference_model(folder) / LAYERED
    target = written / f"{NAME}-{_hash(choices, *parts)[:12]}"
    if not target.is_dir():
        try:
            from components.layered.writer import write
            from models.networks.network_files import load_network
            from models.serving.layered_model import Layered
        except ImportError as error:
            raise UserError(
                f"reference: TensorFlow is not installed here; {packages.setup()}, or leave --engine out"
            ) from error
        try:
            networks = [load_network(part) for part in parts]
            record = read_json(choices)
            del record["litert"]
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{weights}: damaged reference model; restore it with `git checkout`") from error
        target.parent.mkdir(parents=True, exist_ok=True)
        write(Layered(*networks, mirror=record["mirror"]), record, target)
    return target


def _hash(*places: Path) -> str:
    sha = hashlib.sha256()
    for place in places:
        for path in sorted(path for path in [place, *place.rglob("*")] if path.is_file()):
            sha.update(path.read_bytes())
    return sha.hexdigest()
