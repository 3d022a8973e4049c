"""What half precision and XLA gain here: `python benchmarks/precision.py [--size 256]`.

Training steps of the segmenter as `params.yaml` has it at scale full, in turn; medians, and ratios to float32. What
`precision: auto` and `xla: auto` choose on this machine is marked.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import click
import numpy as np

from pipelines.processes import quiet

quiet.silence()

CONFIGS = (("float32", False), ("mixed_bfloat16", False), ("float32", True))


def step_of(size: int, precision: str, xla: bool) -> Any:
    """A compiled training step of a batch of 16."""
    from pathlib import Path

    import yaml

    from components.common import params
    from components.train import settings
    from components.train.measured_model import build
    from components.train.optimizer import optimizer

    tree = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")) | {"scale": "full"}
    tree["segmenter"]["image_size"] = size
    chosen = params.parse(tree)
    model = build("segmenter", chosen, precision)
    model.compile(optimizer(1e-3, 100, 10, 1), loss=settings.loss_of(chosen, "segmenter"))
    return model.compiled_step(xla=xla)


@click.command(help=__doc__)
@click.option("--size", default=256, show_default=True)
@click.option("--turns", default=5, show_default=True)
def main(size: int, turns: int) -> None:
    """Print the medians."""
    import tensorflow as tf

    from components.train import devices

    rng = np.random.default_rng(1)
    batch = (
        tf.constant(rng.integers(0, 256, (16, size, size, 3), np.uint8)),
        tf.constant((rng.random((16, size, size, 1)) > 0.97).astype(np.uint8)),
    )
    steps = {config: step_of(size, *config) for config in CONFIGS}
    seconds: dict[tuple[str, bool], list[float]] = {config: [] for config in CONFIGS}
    for turn in range(turns + 1):
        for config, step in steps.items():
            start = time.perf_counter()
            float(step(batch))
            if turn:  # the first compiles
                seconds[config].append(time.perf_counter() - start)
    base = statistics.median(seconds[CONFIGS[0]])
    chosen = (devices.precision("auto"), devices.use_xla("auto", deterministic=False))
    for config, several in seconds.items():
        median = statistics.median(several)
        mark = "  (auto)" if config == chosen else ""
        print(f"{config[0]:<16}{'XLA' if config[1] else '':<5}{median:7.2f} s/step  {base / median:.2f}{mark}")


if __name__ == "__main__":
    main()
