"""A user's own pre-trained weights lie in one folder, on which the trainings depend."""

from __future__ import annotations

from pathlib import Path

from components.common.errors import UserError
from components.common.params import Params

WEIGHTS = Path("own/weights")  # a dependency of the trainings in dvc.yaml


def check_weights(chosen: Params, network: str) -> None:
    """Refuse pre-trained weights that do not exist, or whose changes DVC would not notice."""
    weights = getattr(chosen, network).weights
    if weights in ("none", "imagenet"):
        return
    if not Path(weights).is_file():
        raise UserError(f"params.yaml: {network}.weights: {weights}: no such file; set imagenet, none or a file")
    if WEIGHTS.absolute() not in Path(weights).absolute().parents:
        raise UserError(
            f"params.yaml: {network}.weights: {weights}: trainings would not see it change; move it into {WEIGHTS}/"
        )
