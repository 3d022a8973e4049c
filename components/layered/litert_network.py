"""One LiteRT file as a function of slices, in as many threads as call it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np


class Network:
    """A LiteRT file, with an interpreter for each thread that asks for one.

    Args:
        data: content of the file.
        threads: number of threads that an interpreter uses.
        maps: whether the network gives a map of each slice, rather than a number.

    Raises:
        ValueError, RuntimeError: LiteRT can't run it, or its inputs and outputs are not those of such a network.
    """

    def __init__(self, data: bytes, threads: int, maps: bool) -> None:
        self.data, self.threads, self.local = data, threads, threading.local()
        interpreter = self._interpreter()
        (input_,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
        self.batch, height, self.size, self.channels = (int(side) for side in input_["shape"])
        expected = [self.batch, *([self.size, self.size] if maps else []), 1]
        if input_["dtype"] != np.uint8 or height != self.size or list(output["shape"]) != expected:
            raise ValueError("not a network of this kind")
        self.input_, self.output = input_["index"], output["index"]

    def _interpreter(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_content=self.data, num_threads=self.threads)

    def prepared(self) -> Any:
        """Return this thread's interpreter, with its memory allocated."""
        if not hasattr(self.local, "interpreter"):
            interpreter = self._interpreter()
            interpreter.allocate_tensors()
            self.local.interpreter = interpreter
        return self.local.interpreter

    def __call__(self, slices: np.ndarray) -> np.ndarray:
        """Run the network on slices on its grid, uint8 [n, size, size, channels]; float32 [n, ..., 1]."""
        interpreter, results = self.prepared(), []
        for start in range(0, len(slices), self.batch):
            batch = slices[start : start + self.batch]
            missing = self.batch - len(batch)
            interpreter.set_tensor(
                self.input_, np.concatenate([batch, batch[:1].repeat(missing, 0)]) if missing else batch
            )
            interpreter.invoke()
            results.append(interpreter.get_tensor(self.output)[: len(batch)])
        return np.concatenate(results)
