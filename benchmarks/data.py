"""Time and memory of ingest and convert, as Markdown: `make bench-data [SOURCE=kaggle_3m]`.

Every measurement is a process of its own. Imports are not timed, the start of workers is. The measurements take turns,
and medians over the turns count.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import defaultdict
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median

import click
import steps
from processes import measure

from pipelines.processes import quiet

quiet.silence()

STEPS = {"ingest": steps.ingest, "convert": steps.convert}
CONFIGS = ("plain loop", "1 worker", "2 workers")
SEED = 20260101


def prepare(source: Path, data: Path, counts: tuple[int, ...]) -> dict[int, int]:
    """Ingest all patients into `data`, write a split for each number of patients; number of patients to slices."""
    from components.common.tables import read_manifest
    from components.ingest.stage import evenly_spaced
    from components.split.assign import assign_splits
    from components.split.rule import SplitRule

    steps.ingest(source, data, 2, None)
    manifest = read_manifest(data / "manifest.csv")
    splits = assign_splits(manifest, SplitRule(0.15, 0.25, 5, SEED))
    slices = {}
    for count in sorted({min(count, len(splits)) for count in counts}):
        names = evenly_spaced(list(splits["patient"]), count)
        splits[splits["patient"].isin(names)].to_csv(data / f"{count}.csv", index=False)
        slices[count] = int(manifest["patient"].isin(names).sum())
    return slices


def report(slices: dict[int, int], found: dict[tuple[str, int, int], list[tuple[float, float]]]) -> None:
    """Print the tables; `found`: (step, workers, patients) to (seconds, MB) of each turn."""
    most = max(slices)
    print(f"{most} patients, {slices[most]} slices, {len(os.sched_getaffinity(0))} processors\n")
    print("| step | way | slices/s | of the plain loop's | peak MB |\n|---|---|---|---|---|")
    for step in STEPS:
        loop, _ = zip(*found[step, 0, most], strict=True)
        for workers, config in enumerate(CONFIGS):
            times, memory = zip(*found[step, workers, most], strict=True)
            ratio = median(slow / fast for slow, fast in zip(loop, times, strict=True))
            print(f"| {step} | {config} | {slices[most] / median(times):.0f} | {ratio:.2f} | {median(memory):.0f} |")
    print("\n| patients | slices | ingest, ms/slice | peak MB | convert, ms/slice | peak MB |\n" + "|---" * 6 + "|")
    for count, number in slices.items():
        row = []
        for step in STEPS:
            seconds, memory = map(median, zip(*found[step, 1, count], strict=True))
            row += [f"{1000 * seconds / number:.1f}", f"{memory:.0f}"]
        print(f"| {count} | {number} | {' | '.join(row)} |")


@click.command()
@click.option("--source", type=click.Path(exists=True, path_type=Path), help="Scans; without it, synthetic patients.")
@click.option("--patients", multiple=True, default=(8, 22, 44, 88), show_default=True, help="Repeat it for several.")
@click.option("--turns", default=3, show_default=True, type=click.IntRange(min=1))
def main(source: Path | None, patients: tuple[int, ...], turns: int) -> None:
    """Measure slices/s against plain loops, and with one worker time and memory as patients grow."""
    from components.sources.demo import write_demo

    found = defaultdict(list)
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch)
        if source is None:
            source = data / "demo"
            write_demo(source, patients=max(patients), slices=14, size=256, seed=SEED)
        with redirect_stdout(sys.stderr):
            slices = prepare(source, data, patients)
        configs = {count: (0, 1, 2) if count == max(slices) else (1,) for count in slices}
        kinds = [(step, workers, count) for step in STEPS for count in slices for workers in configs[count]]
        for _ in range(turns):
            for step, workers, count in kinds:
                print(f"{step}, {CONFIGS[workers]}, {count} patients", file=sys.stderr)
                place = source if step == "ingest" else data
                with tempfile.TemporaryDirectory() as out:
                    seconds = measure(steps.MODULES[step], STEPS[step], place, Path(out), workers, count)
                found[step, workers, count].append(seconds)
    report(slices, found)


if __name__ == "__main__":
    main()
