"""How should LiteRT run the networks? `python benchmarks/inference.py [--model MODEL]`.

The networks of a layered model, in slices/s: by the number of workers, each with interpreters of its own, and of
threads inside each interpreter; with `--batches`, which needs the weights of the reference model, by the number of
slices that a file takes at once. All configurations take turns in one process, several times; medians, with the CPU
time per slice beside, which other work on the machine disturbs less.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import click
import numpy as np

from components.layered.litert_engine import LiteRTEngine
from components.layered.record import read_record
from components.registry.resolve import model_folder
from components.scans.scan import Scan
from pipelines.processes import quiet

CONFIGS = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1))
BATCHES = (1, 2, 4, 8)


def compare(configs: dict[str, Callable[[], int]], repeats: int) -> None:
    """Print slices/s and CPU ms/slice of functions that return how many slices they have run."""
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in configs}
    for run in configs.values():
        run()
    for _ in range(repeats):
        for name, run in configs.items():
            start, cpu = time.perf_counter(), time.process_time()
            slices = run()
            took, worked = time.perf_counter() - start, time.process_time() - cpu
            rates[name].append((slices / took, 1000 * worked / slices))
    for name, pairs in rates.items():
        rate, cost = (statistics.median(one) for one in zip(*pairs, strict=True))
        print(f"{name:28} {rate:6.1f} slices/s, {cost:5.1f} CPU ms/slice")


def by_batch(repeats: int) -> None:
    """Compare the number of slices at once, in one thread."""
    from ai_edge_litert.interpreter import Interpreter

    from components.layered.reference import WEIGHTS
    from models.networks.network_files import load_network
    from models.serving.litert_export import litert

    configs = {}
    for name in ("classifier", "segmenter"):
        network = load_network(WEIGHTS / name)
        for batch in BATCHES:
            interpreter = Interpreter(model_content=litert(network, batch=batch), num_threads=1)
            interpreter.allocate_tensors()

            def run(interpreter: Interpreter = interpreter, batch: int = batch) -> int:
                for _ in range(max(BATCHES) // batch):
                    interpreter.invoke()
                return max(BATCHES)

            configs[f"{name}, {batch} at once"] = run
    compare(configs, repeats)


@click.command(help=__doc__)
@click.option("--model", default="reference", show_default=True, help="As for glioflow predict.")
@click.option("--slices", default=40, show_default=True)
@click.option("--repeats", default=5, show_default=True)
@click.option("--batches", is_flag=True)
def main(model: str, slices: int, repeats: int, batches: bool) -> None:
    """Print a table."""
    quiet.silence()
    if batches:
        by_batch(repeats)
        return
    folder = model_folder(model)
    record = read_record(folder) | {"tumor_threshold": 0.0}  # stage 2 runs on every slice
    image = np.random.default_rng(0).integers(0, 256, (slices, 256, 256, 3), dtype=np.uint8)
    scan, configs = Scan("noise", "unknown", image, None), {}
    for workers, threads in CONFIGS:
        engine = LiteRTEngine(folder, record, workers, threads)
        configs[f"{workers} workers of {threads} threads"] = lambda engine=engine: len(engine.detect(scan)["mask"])
    compare(configs, repeats)


if __name__ == "__main__":
    main()
