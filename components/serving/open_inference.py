"""The Open Inference Protocol, version 2, over REST: from its tensors to slices, and from predictions to its tensors.

https://github.com/kserve/open-inference-protocol, `inference_rest.md`. Tensors are flat lists in row-major order. Only
pixels are taken, since the protocol has no images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from components.serving.requests import INPUT, SLICES, RequestError, check_size

DATATYPES = {"tumor_probability": "FP32", "has_tumor": "BOOL", "mask": "UINT8"}


def metadata(name: str, channels: int) -> dict[str, Any]:
    """What a client has to know of the model: its tensors, -1 for any size."""
    shapes = {"tumor_probability": [-1], "has_tumor": [-1], "mask": [-1, -1, -1]}
    return {
        "name": name,
        "versions": [],
        "platform": "litert",
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, -1, -1, channels]}],
        "outputs": [{"name": key, "datatype": DATATYPES[key], "shape": shape} for key, shape in shapes.items()],
    }


def slices_of(payload: Any, channels: int) -> np.ndarray:
    """Slices of a request, uint8 [batch, height, width, channels].

    Raises:
        RequestError: the request does not follow the protocol, or its tensor is not the model's input.
    """
    inputs = payload.get("inputs") if isinstance(payload, dict) else None
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise RequestError(f'the body has to be {{"inputs": [one tensor, named "{INPUT}"]}}')
    tensor = inputs[0]
    if tensor.get("name") != INPUT or tensor.get("datatype") != "UINT8":
        raise RequestError(f'the tensor has to be "{INPUT}", of datatype UINT8')
    shape, data = tensor.get("shape"), tensor.get("data")
    if not isinstance(shape, list) or len(shape) != 4 or set(map(type, shape)) != {int} or shape[3] != channels:
        raise RequestError(f"its shape has to be [slices, height, width, {channels}]")
    if not 0 < shape[0] <= SLICES:
        raise RequestError(f"{shape[0]} slices; send 1 to {SLICES}")
    check_size(shape[1], shape[2], count=shape[0])
    if not isinstance(data, list) or len(data) != math.prod(shape) or set(map(type, data)) != {int}:
        raise RequestError("its data has to be a flat list of whole numbers 0 to 255, as many as its shape holds")
    try:
        return np.frombuffer(bytes(data), np.uint8).reshape(shape)
    except ValueError as error:
        raise RequestError("its data has to be whole numbers 0 to 255") from error


def response(name: str, payload: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The protocol's answer: the outputs that the request names, or all of them.

    Raises:
        RequestError: the request names an output that the model does not have, or an id that is not a string.
    """
    names = list(columns)
    if payload.get("outputs") is not None:
        wanted = payload["outputs"]
        names = [str(one.get("name")) for one in wanted if isinstance(one, dict)] if isinstance(wanted, list) else []
        if not names or not set(names) <= set(columns) or len(names) != len(wanted):
            raise RequestError(f"outputs are {', '.join(columns)}")
    identity = payload.get("id")
    if identity is not None and not isinstance(identity, str):
        raise RequestError("the id has to be a string")
    return {
        "model_name": name,
        **({} if identity is None else {"id": identity}),
        "outputs": [
            {
                "name": key,
                "datatype": DATATYPES[key],
                "shape": list(columns[key].shape),
                "data": columns[key].ravel(),
            }
            for key in names
        ],
    }
