"""What building the optimiser before the first step saves: `python benchmarks/first_step.py`.

Both ways compile and run one training step of the demo's segmenter, in turn, three times; the ratio of medians counts.
"""

from __future__ import annotations

import statistics
import time

import keras
import numpy as np

from models.networks import losses
from models.networks.resunet import resunet

SIZE, BATCH, RUNS = 96, 16, 3


def first_step(build: bool) -> float:
    """Seconds from a compiled model to the end of its first step."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, SIZE, SIZE, 3), dtype=np.uint8)
    masks = (rng.random((BATCH, SIZE, SIZE, 1)) > 0.97).astype(np.float32)
    network = resunet((8, 16, 32, 64), size=SIZE)
    network.compile(keras.optimizers.Adam(), loss=losses.focal_tversky, jit_compile=False)
    start = time.perf_counter()
    if build:
        network.optimizer.build(network.trainable_variables)
    network.train_on_batch(images, masks)
    return time.perf_counter() - start


def main() -> None:
    """Print both medians and their ratio."""
    first_step(build=True)  # warms the libraries up
    lazy, built = zip(*((first_step(build=False), first_step(build=True)) for _ in range(RUNS)), strict=True)
    slow, fast = statistics.median(lazy), statistics.median(built)
    print(f"built in the step {slow:.1f} s, built before it {fast:.1f} s, ratio {slow / fast:.1f}")


if __name__ == "__main__":
    main()
