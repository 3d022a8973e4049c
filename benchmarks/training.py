"""How fast are the trainings? `make bench-train SOURCE=kaggle_3m`, or `python benchmarks/training.py --source DIR`.

Three tables, in slices/s, medians of turns taken one after the other in one run:

    input     the input path alone: notebook style, from shards (decoding them into the cache), from the cache
    steps     whole training steps of each network and strategy, as `params.yaml` has them at scale full: as trained;
              the twin that gets one and the same batch again and again, without any loading; notebook style
    memory    peak of a training's own memory with 1, 2 and 4 times the patients; pages of the cache file, which the
              system takes back when it needs them, don't count

ResNet50 starts from random weights where ImageNet's can't be downloaded: they cost the same.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import click
from notebook import NotebookBatches
from processes import measure

from components.common import params
from pipelines.processes import quiet

quiet.silence()

CASES = (("classifier", "frozen"), ("classifier", "finetune"), ("segmenter", None))
SWITCHES = {"scale": "full", "classifier.weights": "none", "training.deterministic": True, "training.gpu": "optional"}


def parameters(folder: Path, **changes: Any) -> params.Params:
    """params.yaml at scale full, with caches in `folder`."""
    import yaml

    tree = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    paths = {"training.cache": str(folder / "cache"), "training.checkpoints": str(folder / "checkpoints")}
    for parameter, value in (SWITCHES | paths | changes).items():
        *groups, name = parameter.split(".")
        place = tree
        for group in groups:
            place = place[group]
        place[name] = value
    return params.parse(tree)


def prepare(source: Path, folder: Path, patients: int) -> list[str]:
    """Ingest and convert so many patients, all in the split train; return the patterns of the files."""
    from components.common.problems import REMEDIES
    from components.common.tables import SPLITS_COLUMNS, read_manifest
    from components.convert.stage import convert
    from components.ingest.stage import ingest

    names = (folder / name for name in ("scans", "manifest.csv", "problems.csv"))
    ingest(str(source), *names, policy=dict.fromkeys(REMEDIES, "warn"), patients=patients, workers=None)
    table = read_manifest(folder / "manifest.csv").drop_duplicates("patient").assign(split="train", fold=0)
    table[SPLITS_COLUMNS].to_csv(folder / "splits.csv", index=False)
    group = parameters(folder).convert.model_dump()
    convert(folder / "scans", folder / "splits.csv", folder / "examples", **group)
    return [str(folder / "examples" / "Split-train" / "*")]


def rate(slices: int, work: Callable[..., Any], *arguments: Any) -> float:
    """Slices/s of a piece of work."""
    start = time.perf_counter()
    work(*arguments)
    return slices / (time.perf_counter() - start)


def row(name: str, rates: dict[str, list[float]], base: str) -> str:
    """Medians of the rates, and in brackets how many times the base they are."""
    medians = {kind: statistics.median(several) for kind, several in rates.items()}
    return f"{name:<22}" + "".join(
        f"  {kind} {value:8.1f} ({value / medians[base]:.2f})" for kind, value in medians.items()
    )


def input_path(pictures: list[Path], patterns: list[str], folder: Path, turns: int) -> str:
    """The input path alone, of images and masks at 256 pixels."""
    from components.train import cache
    from components.train.batch_arrays import batch_arrays
    from components.train.batches import batches
    from components.train.sampling import Sampler

    files = cache.example_files(patterns)
    rates: dict[str, list[float]] = {"notebook": [], "shards": [], "cache": []}
    for turn in range(turns):
        generator = NotebookBatches(pictures[: 16 * 32], 16, with_masks=True)
        rates["notebook"].append(rate(16 * len(generator), list, map(generator.__getitem__, range(len(generator)))))
        place, before = folder / f"cache-{turn}", time.perf_counter()
        slices = cache.cached(files, "benchmark", 256, place, lambda: None)
        rates["shards"].append(len(slices) / (time.perf_counter() - before))
        stream = iter(batches(batch_arrays(slices, Sampler(slices.has_tumor, 16, turn, 0.5), with_masks=True))(0))
        steps = 4 * len(slices) // 16
        rates["cache"].append(rate(16 * steps, deque, islice(stream, steps), 0))
    return row("images and masks", rates, "notebook")


def steps(network: str, strategy: str | None, pictures: list[Path], patterns: list[str], folder: Path,
          turns: int, count: int) -> str:  # fmt: skip
    """Whole training steps: as trained, the twin, notebook style."""
    import keras

    from components.train import cache, devices, settings
    from components.train.batch_arrays import batch_arrays
    from components.train.batches import batches
    from components.train.measured_model import build
    from components.train.optimizer import optimizer
    from components.train.sampling import Sampler

    chosen = parameters(folder, **({"classifier.strategy": "finetune"} if strategy else {}))
    group, with_masks = getattr(chosen, network), network == "segmenter"
    slices = cache.cached(cache.example_files(patterns), "benchmark", group.image_size, folder / "cache", lambda: None)
    precision = devices.precision(group.precision)
    xla = devices.use_xla(chosen.training.xla, deterministic=chosen.training.deterministic)

    def ready() -> Any:
        from models.networks.classifier import set_strategy

        model = build(network, chosen, precision)
        if strategy:
            set_strategy(model.network, strategy)
        return model

    ours = ready()
    ours.compile(optimizer(1e-4, 100, 100, 1), loss=settings.loss_of(chosen, network))
    step = ours.compiled_step(xla=xla)
    sampler = Sampler(slices.has_tumor, 16, 1, None)
    stream = iter(batches(batch_arrays(slices, sampler, with_masks=with_masks))(0))
    constant = next(stream)
    theirs = ready().network  # the same network and precision; the notebook has no augmentation
    theirs.compile("adam", loss=settings.loss_of(chosen, network), jit_compile=xla)

    def take(batches_of: Iterator[Any]) -> None:
        for batch in islice(batches_of, count):
            float(step(batch))

    def notebook(at: int) -> None:
        part = NotebookBatches(pictures[16 * count * at : 16 * count * (at + 1)], 16, with_masks=with_masks)
        theirs.fit(part, epochs=1, verbose=0)

    take(stream)
    notebook(0)
    rates: dict[str, list[float]] = {"twin": [], "trained": [], "notebook": []}
    for turn in range(turns):
        rates["twin"].append(rate(16 * count, take, repeat(constant)))
        rates["trained"].append(rate(16 * count, take, stream))
        rates["notebook"].append(rate(16 * count, notebook, turn % 3))
    keras.backend.clear_session()
    return row(f"{network} {strategy or ''}", rates, "twin")


def train_some(folder: str, patients: int) -> None:
    """One short epoch of a small segmenter on so many patients; its cache exists already."""
    from components.train.stage import train

    place = Path(folder)
    small = {"segmenter.filters": [4, 4, 8, 8], "segmenter.epochs": 1, "segmenter.precision": "float32"}
    patterns = [str(place / "examples" / "Split-train" / "*")]
    train("segmenter", parameters(place, **small), patterns, patterns, place / f"run-{patients}")


@click.command(help=__doc__.replace("\n\n", "\n\n\b\n"))
@click.option("--source", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--patients", default=22, show_default=True, help="To train on.")
@click.option("--turns", default=5, show_default=True)
@click.option("--count", default=4, show_default=True, help="Training steps a turn.")
@click.option("--only", type=click.Choice(["input", "steps", "memory"]))
def main(source: Path, patients: int, turns: int, count: int, only: str | None) -> None:
    """Print the tables."""
    pictures = sorted(file for file in source.rglob("*.tif") if not file.stem.endswith("_mask"))
    with tempfile.TemporaryDirectory(prefix="glioflow-bench-") as name:
        folder = Path(name)
        patterns = prepare(source, folder, patients)
        if only in (None, "input"):
            print(input_path(pictures, patterns, folder, turns), flush=True)
        for network, strategy in CASES if only in (None, "steps") else ():
            print(steps(network, strategy, pictures, patterns, folder, turns, count), flush=True)
        for several in (patients, 2 * patients, 4 * patients) if only in (None, "memory") else ():
            place = folder / f"patients-{several}"
            prepare(source, place, several)
            _, peak = measure(["components.train.stage"], train_some, str(place), several, anonymous=True)
            print(f"memory, {several} patients  {peak:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
