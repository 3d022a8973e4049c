"""Store a trained network as its constructor arguments and its weights, which every backend and stack reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from models.networks.backbones import missing_weights_as_errors
from models.networks.classifier import classifier, set_strategy
from models.networks.network_layout import NETWORK, WEIGHTS
from models.networks.resunet import resunet
from models.networks.transfer_resunet import transfer_resunet


def segmenter(**arguments: Any) -> keras.Model:
    """Build the ResUNet, on a pre-trained encoder if the arguments name a `backbone`."""
    return (transfer_resunet if "backbone" in arguments else resunet)(**arguments)


BUILDERS: dict[str, Callable[..., keras.Model]] = {"classifier": classifier, "segmenter": segmenter}


def build(name: str, arguments: dict[str, Any]) -> keras.Model:
    """Build the network `name` ("classifier" or "segmenter")."""
    return BUILDERS[name](**arguments)


def save_network(
    folder: str | Path, network: keras.Model, arguments: dict[str, Any], made_from: dict[str, Any] | None = None
) -> None:
    """Write `network.json` and `network.weights.h5` below `folder`.

    Args:
        folder: output folder, made if necessary.
        network: trained classifier or segmenter.
        arguments: arguments given to `build`.
        made_from: hashes of what the network was trained with, stored in network.json.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = {"network": network.name, "arguments": arguments, "made_from": made_from or {}}
    (folder / NETWORK).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    network.save_weights(folder / WEIGHTS)


def halve(folder: str | Path, target: str | Path) -> None:
    """Copy the files of `save_network` with weights in half precision, at half the size.

    Weights keep 11 bits; a probability changes by about a hundredth at most.
    """
    target = Path(target)
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(folder) / NETWORK, target / NETWORK)
    with h5py.File(Path(folder) / WEIGHTS) as whole, h5py.File(target / WEIGHTS, "w") as half:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                half.require_group(name).attrs.update(item.attrs)
                return
            value = item[()]
            value = value.astype(np.float16) if np.issubdtype(value.dtype, np.floating) else value
            half.create_dataset(name, data=value).attrs.update(item.attrs)

        whole.visititems(copy)


def load_network(folder: str | Path) -> keras.Model:
    """Load the files of `save_network`; pre-trained weights are not fetched again."""
    record = json.loads((Path(folder) / NETWORK).read_text(encoding="utf-8"))
    return _with_weights(record["network"], record["arguments"], folder)


def build_from(folder: str | Path, name: str, arguments: dict[str, Any]) -> keras.Model:
    """Build a network as `build` does, with the weights of the one in `folder`, and without pre-trained ones.

    Args:
        folder: files of `save_network`; the network there has the same layers.
        name, arguments: see `build`.

    Raises:
        OSError, ValueError, KeyError, UserWarning: the weights can't be read, or belong to other layers.
    """
    with missing_weights_as_errors():
        network = _with_weights(name, arguments, folder)
    if arguments.get("strategy", "finetune") != "finetune":
        set_strategy(network, "frozen")
    return network


def _with_weights(name: str, arguments: dict[str, Any], folder: str | Path) -> keras.Model:
    plain = dict(arguments)
    if "weights" in plain:
        plain["weights"] = "none"
    if "strategy" in plain:
        plain["strategy"] = "finetune"  # a frozen network would ask for pre-trained weights
    network = build(name, plain)
    network.load_weights(Path(folder) / WEIGHTS)
    return network
