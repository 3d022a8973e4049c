"""Check that a user's own weights and starting networks are in own/weights, on which the training stages depend."""

from __future__ import annotations

import os
from pathlib import Path

from components.common.errors import UserError
from components.common.params import Params
from components.train.starting_network import REFERENCE, Start, read_start

WEIGHTS = Path("own/weights")  # a dependency of the training stages in dvc.yaml


def check_weights(chosen: Params, network: str) -> None:
    """Refuse pre-trained weights that do not exist, or whose changes DVC would not notice."""
    group = getattr(chosen, network)
    if group.weights in ("none", "imagenet") or group.start is not None:
        return
    if not Path(group.weights).is_file():
        raise UserError(f"params.yaml: {network}.weights: {group.weights}: no such file; set imagenet, none or a file")
    if not _is_tracked(os.path.abspath(group.weights), os.path.abspath(WEIGHTS)):  # noqa: PTH100  links to files count
        raise UserError(
            f"params.yaml: {network}.weights: {group.weights}: training would not see it change; move it into "
            f"{WEIGHTS}/"
        )


def check_start(chosen: Params, network: str) -> Start | None:
    """Refuse a network to start from that can't be read, or whose changes DVC would not notice; returns it, if any."""
    start = read_start(chosen, network)
    # DVC does not follow links to folders inside a dependency.
    if start and start.name != REFERENCE and not _is_tracked(os.path.realpath(start.folder), os.path.realpath(WEIGHTS)):
        raise UserError(
            f"params.yaml: {network}.start: {start.name}: training would not see it change; copy it into {WEIGHTS}/"
        )
    return start


def _is_tracked(path: str, folder: str) -> bool:
    return Path(folder) in Path(path).parents
