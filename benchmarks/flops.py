"""FLOPs of a LiteRT network, and the machine's peak float32 throughput: helpers for the benchmarks in this folder."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

MAC_OPS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")


def flops(data: bytes) -> float:
    """FLOPs per slice of a LiteRT file's convolutions and dense layers; other operations are negligible."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data)
    tensors = {one["index"]: one["shape"].tolist() for one in interpreter.get_tensor_details()}
    total = 0.0
    for op in interpreter._get_ops_details():
        if op["op_name"] in MAC_OPS:
            total += 2 * _macs(op, tensors)
    return total / int(interpreter.get_input_details()[0]["shape"][0])


def _macs(op: dict[str, Any], tensors: dict[int, list[int]]) -> float:
    """Multiply-accumulates of one operation, from the shapes of its tensors."""
    inputs, output = [tensors.get(int(at), []) for at in op["inputs"]], tensors[int(op["outputs"][0])]
    if op["op_name"] == "TRANSPOSE_CONV":  # output shape, weights [out, h, w, in], input
        return float(np.prod(inputs[2]) * np.prod(inputs[1][:3]))
    weights = inputs[1]
    if op["op_name"] == "DEPTHWISE_CONV_2D":
        return float(np.prod(output) * np.prod(weights[1:3]))
    return float(np.prod(output) * np.prod(weights[1:]))


def peak(seconds: float = 2.0, side: int = 1024) -> float:
    """Peak FLOP/s of float32 matrix multiplication on all cores: the best of many runs within `seconds`."""
    left = np.random.default_rng(0).random((side, side), dtype=np.float32)
    best, until = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        left @ left
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best
