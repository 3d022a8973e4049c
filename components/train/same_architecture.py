"""Check that a starting network has the architecture to be trained, and name the parameters that differ."""

from __future__ import annotations

import json
from typing import Any

from components.common.errors import UserError
from components.train.starting_network import Start

# Arguments of a network that may differ: they change neither its layers nor what it sees.
FREE = ("weights", "seed", "strategy", "dropout")
PARAMETERS = {"name": "backbone", "size": "image_size"}  # of arguments that params.yaml calls something else


def check_architecture(start: Start, network: str, arguments: dict[str, Any]) -> None:
    """Refuse a start whose network is not the one to be trained; raises UserError naming what differs.

    Args:
        start: network to start from.
        network: "classifier" or "segmenter".
        arguments: arguments of the network to be trained, see `components.train.settings.network_arguments`.
    """
    there, here = (
        {PARAMETERS.get(key, key): value for key, value in each.items() if key not in FREE}
        for each in (start.arguments, arguments)
    )
    differing = [key for key in {**here, **there} if there.get(key) != here.get(key)]
    if not differing:
        return
    words = ", ".join(f"{key} is {_text(there.get(key))} there and {_text(here.get(key))} here" for key in differing)
    values = " ".join(f"-S {network}.{key}={_text(there.get(key))}" for key in differing)
    raise UserError(
        f"params.yaml: {network}.start: {start.name} is another network: {words}; take its values, {values}, or "
        "another start"
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value, separators=(",", ":"))
