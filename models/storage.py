"""Keep a trained network as the arguments it was built with and its weights, which every backend and lane reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from models.classifier import classifier
from models.resunet import resunet

NETWORK = "network.json"
BUILDERS: dict[str, Callable[..., keras.Model]] = {"classifier": classifier, "segmenter": resunet}


def build(name: str, arguments: dict[str, Any]) -> keras.Model:
    """Build the network `name` ("classifier" or "segmenter")."""
    return BUILDERS[name](**arguments)


def save_network(
    folder: str | Path, network: keras.Model, arguments: dict[str, Any], made_from: dict[str, Any] | None = None
) -> None:
    """Write `network.json` and `network.weights.h5` below `folder`.

    Args:
        arguments: what `build` was given.
        made_from: hashes of what the network was trained with, kept in network.json.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = {"network": network.name, "arguments": arguments, "made_from": made_from or {}}
    (folder / NETWORK).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    network.save_weights(folder / "network.weights.h5")


def load_network(folder: str | Path) -> keras.Model:
    """Read back what `save_network` wrote; pre-trained weights are not fetched again."""
    folder = Path(folder)
    record = json.loads((folder / NETWORK).read_text(encoding="utf-8"))
    arguments = dict(record["arguments"])
    if "weights" in arguments:
        arguments |= {"weights": "none", "strategy": "finetune"}  # frozen, it would ask for pre-trained ones
    network = build(record["network"], arguments)
    network.load_weights(folder / "network.weights.h5")
    return network
