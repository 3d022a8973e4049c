"""A user's own pre-trained weights lie in one folder, on which the trainings depend."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from components.common.errors import UserError
from components.common.params import Params
from components.studies.space import ContradictionError, Space, changed

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


def check_tried_weights(space: Space, chosen: Params, network: str) -> None:
    """Refuse a search space with weights that `check_weights` refuses."""
    values = space.get("weights")
    for value in values if isinstance(values, list) else ():
        with suppress(ContradictionError):  # a trial that draws it is left out
            check_weights(changed(chosen, network, {"weights": value}), network)
