"""How fast is `glioflow predict`? `make bench-predict SOURCE=kaggle_3m [MODEL=reference]`.

Runs a layered model (by default the one in `artifacts/`) on pictures on disk, with LiteRT and with TensorFlow. The
engines alternate on the same patients for several repeats; each run is a separate process, timed from its start to the
last file written. A run on one patient measures the start-up cost. Reports medians and the ratio of each pair, then for
LiteRT on all patients the peak memory, compared with that for the largest patient alone. Also reports CPU seconds,
which are less sensitive to other load. The model in `artifacts/` is also compared with the usual notebook loop on a
sample of slices: read one picture with scikit-image, call `model.predict` with both networks, threshold.
"""

from __future__ import annotations

import json
import resource
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np
from flops import flops, peak
from processes import measure
from skimage import io

from components.common.layout import ENGINES
from components.layered.litert_files import read_litert
from components.layered.record import read_record
from components.registry.resolve import model_folder
from pipelines.processes import quiet

quiet.silence()

ARTIFACTS = Path("artifacts")
LAYERED = str(ARTIFACTS / "layered")
COST = "cpu.json"


def run_glioflow(model: str, source: str, out: str, engine: str) -> None:
    """Predict all patients of a folder, and note the CPU seconds beside the results."""
    from pipelines import predicting

    predicting.run(
        (source,),
        model,
        out,
        engine=engine,
        overlays=False,
        doubt=False,
        resume=False,
        beam_args=[],
        storage=None,
    )
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    Path(out, COST).write_text(json.dumps(sum(one.ru_utime + one.ru_stime for one in used)), encoding="utf-8")


def predicted(model: str, source: Path, out: Path, engine: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MB of predicting a folder."""
    seconds, memory = measure([], run_glioflow, model, str(source), str(out), engine)
    return seconds, float(json.loads((out / COST).read_text(encoding="utf-8"))), memory


def pixels_apart(one: Path, other: Path) -> int:
    """Pixels that differ between the masks of two runs."""
    masks = sorted(path.relative_to(one) for path in (one / "masks").rglob("*.tif"))
    return sum(int((io.imread(one / path) != io.imread(other / path)).sum()) for path in masks)


def notebook(pictures: list[Path], count: int) -> float:
    """Seconds per slice of the notebook's way, over `count` pictures, after a first one that is not counted."""
    from models.networks import preprocessing
    from models.networks.network_files import load_network

    classifier, segmenter = (load_network(ARTIFACTS / name) for name in ("classifier", "segmenter"))
    step = max(1, len(pictures) // (count + 1))
    seconds = []
    for path in pictures[::step][: count + 1]:
        start = time.perf_counter()
        image = io.imread(path)[None]
        grids = [np.asarray(preprocessing.to_grid(image, n.input_shape[1])) for n in (classifier, segmenter)]
        classifier.predict(grids[0], verbose=0)
        drawn = preprocessing.from_grid(segmenter.predict(grids[1], verbose=0), *image.shape[1:3])
        np.asarray(drawn)[0, ..., 0] >= 0.5  # noqa: B015  what a notebook would show
        seconds.append(time.perf_counter() - start)
    return sum(seconds[1:]) / (len(seconds) - 1)


def side_by_side(model: str, alone: Path, some: Path, folder: Path, repeats: int) -> dict[str, float]:
    """Let the engines take turns, and print what each does; returns slices/s after the start, by engine."""
    slices = {place: len(list(place.glob("*/*_mask.tif"))) for place in (alone, some)}
    rates: dict[str, list[tuple[float, float]]] = {engine: [] for engine in ENGINES}
    starts: dict[str, list[tuple[float, float]]] = {engine: [] for engine in ENGINES}
    more = slices[some] - slices[alone]
    for engine in ENGINES:  # not counted: the files are read for the first time, and the reference model may be built
        predicted(model, alone, folder / f"{engine}-first", engine)
    for number in range(repeats):
        for engine in ENGINES[:: 1 if number % 2 else -1]:
            first, full = (
                predicted(model, place, folder / f"{engine}-{place.name}-{number}", engine) for place in (alone, some)
            )
            starts[engine].append(first[:2])
            rates[engine].append((more / (full[0] - first[0]), more / (full[1] - first[1])))
    print(f"{slices[some]} slices, {repeats} times; one patient has {slices[alone]} of them")
    for engine in ENGINES:
        start, rate = ([statistics.median(one) for one in zip(*t[engine], strict=True)] for t in (starts, rates))
        print(
            f"{engine:10} one patient {start[0]:.1f} s, {start[1]:.1f} CPU seconds; after the start "
            f"{rate[0]:.1f} slices/s, {rate[1]:.1f} slices per CPU second"
        )
    pairs = [[a / b for a, b in zip(*both, strict=True)] for both in zip(*rates.values(), strict=True)]
    for what, at in (("slices/s", 0), ("slices per CPU second", 1)):
        print(f"{what}, {' / '.join(ENGINES)}: {', '.join(f'{pair[at]:.2f}' for pair in pairs)}")
    apart = pixels_apart(*(folder / f"{engine}-{some.name}-0" for engine in ENGINES))
    print(f"masks: {apart} pixels differ")
    return {engine: statistics.median(rate for rate, _ in pairs) for engine, pairs in rates.items()}


def print_efficiency(model: str, rate: float, out: Path) -> None:
    """Print which share of the machine's peak float32 throughput the networks reach."""
    folder = model_folder(model)
    record = read_record(folder)
    cost = {
        name: flops(data) * (2 if record.get("mirror") else 1) for name, data in read_litert(folder, record).items()
    }
    rows = (out / "predictions.csv").read_text(encoding="utf-8").splitlines()[1:]
    passed = sum(row.split(",")[3] == "1" for row in rows) / len(rows)
    each, most = cost["classifier"] + passed * cost["segmenter"], peak()
    reached = f"{rate * each / 1e9:.0f} GFLOP/s, {rate * each / most:.0%} of the {most / 1e9:.0f}"
    print(
        f"a slice needs {each / 1e9:.2f} GFLOP ({passed:.0%} pass stage 1), at {rate:.1f} slices/s {reached} "
        "that products of float32 matrices reach here"
    )


@click.command(help=__doc__)
@click.option("--source", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--model", default=LAYERED, show_default=True, help="As for glioflow predict.")
@click.option("--patients", default=8, show_default=True, help="On which the engines are compared.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--sample", default=200, show_default=True, help="Slices of the notebook's way.")
def main(source: Path, model: str, patients: int, repeats: int, sample: int) -> None:
    """Print the engines, their ratio, and what memory does."""
    pictures = sorted(path for path in source.glob("*/*.tif") if not path.stem.endswith("_mask"))
    counts = Counter(path.parent for path in pictures)
    largest = counts.most_common(1)[0][0]  # memory is that of the largest scan
    names = sorted(counts)
    some = sorted({largest, *names[:: max(1, len(names) // patients)][:patients]})
    with tempfile.TemporaryDirectory(prefix="glioflow-bench-") as name:
        folder = Path(name)
        for place, taken in (("one", [largest]), ("some", some)):
            (folder / place).mkdir()
            for patient in taken:
                (folder / place / patient.name).symlink_to(patient.resolve())
        rates = side_by_side(model, folder / "one", folder / "some", folder, repeats)
        print_efficiency(model, rates["litert"], folder / "litert-some-0")
        small = predicted(model, folder / "one", folder / "alone", "litert")[2]
        seconds, cpu, large = predicted(model, source, folder / "all", "litert")
    print(f"all {len(pictures)} slices: {seconds:.0f} s, {len(pictures) / seconds:.1f} slices/s, {cpu:.0f} CPU seconds")
    print(f"peak memory: {small:.0f} MB for one patient, {large:.0f} MB for all ({large / small:.2f} times)")
    if model != LAYERED:
        return
    each = notebook(pictures, sample)
    print(f"notebook: {1 / each:.1f} slices/s; predict is {len(pictures) / seconds * each:.1f} times as fast")


if __name__ == "__main__":
    main()
