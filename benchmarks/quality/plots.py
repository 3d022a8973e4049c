"""Plots of a cross-validation, without a pixel of a scan.

Run `score.py` first:

    python benchmarks/quality/plots.py --source kaggle_3m --segmenter longer --classifier longer --out docs/images

Every patient's volume Dice by site; and the patients with the lowest scores, as outlines of reference and prediction
on the slice where the reference is largest, drawn with the choices of all folds; the scores are those of the table.
"""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd
from held_out import HeldOut, OutOfFold, folds_of, temperatures
from matplotlib.figure import Figure
from pack import FOLDS

from components.common.files import read_json
from components.layered.decision import decide
from components.sources import Source, open_source

WORST = 8
REFERENCE, PREDICTION = "#1b7837", "#c51b7d"


def by_patient(table: pd.DataFrame, path: Path) -> None:
    """Bars of volume Dice, worst first, one colour a site."""
    table = table.sort_values("volume_dice").reset_index(drop=True)
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots()
    for site, group in table.groupby("site"):
        axes.bar(group.index, group["volume_dice"], width=0.85, label=f"{site} ({len(group)})")
    for value, style, name in (
        (table["volume_dice"].mean(), "-", "mean"),
        (table["volume_dice"].median(), "--", "median"),
    ):
        axes.axhline(value, color="black", linewidth=0.8, linestyle=style, label=f"{name} {value:.3f}")
    axes.set(xlabel="patients, worst first", ylabel="volume Dice", ylim=(0, 1), xlim=(-0.7, len(table) - 0.3))
    axes.legend(ncols=4, fontsize=8, loc="lower right")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def failures(table: pd.DataFrame, folds: list[HeldOut], record: dict, scans: Source, path: Path) -> None:
    """Outlines of the patients with the lowest volume Dice."""
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    axes = figure.subplots(2, WORST // 2)
    worst = table.nsmallest(WORST, "volume_dice")
    of_worst = OutOfFold(folds, scans, set(worst["patient"]))
    seen_of = {patient: (scan, seen) for patient, scan, seen in of_worst.patients(*temperatures(record))}
    for row, place in zip(worst.itertuples(), axes.flat, strict=True):
        scan, seen = seen_of[row.patient]
        assert scan.mask is not None
        mask = decide(seen, scan.spacing, record).ungated
        at = int(scan.mask.sum(axis=(1, 2)).argmax())
        for drawn, color in ((scan.mask, REFERENCE), (mask, PREDICTION)):
            if drawn[at].any():
                place.contour(drawn[at].astype(float), [0.5], colors=color, linewidths=1.2)
        size = scan.image.shape[1]
        place.set(xlim=(0, size), ylim=(size, 0), aspect="equal", xticks=[], yticks=[])
        place.set_title(f"{row.site}: {row.volume_dice:.2f}, volume {row.volume_error:+.0%}", fontsize=9)
    figure.savefig(path, dpi=110, metadata={"Software": None})


@click.command()
@click.option("--source", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--segmenter", "recipe", required=True)
@click.option("--classifier", "other")
@click.option("--place", default=Path("artifacts/quality"), type=click.Path(path_type=Path), show_default=True)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(source: Path, recipe: str, other: str | None, place: Path, out: Path) -> None:
    """Draw."""
    name = f"{recipe}{f'+{other}' if other else ''}"
    table = pd.read_csv(place / f"{name}.csv")
    record = read_json(place / f"{name}.choices.json")
    folds = folds_of(source, recipe, other, [str(number) for number in range(FOLDS)], place)
    by_patient(table, out / "results_patients.png")
    with open_source(source) as scans:
        failures(table, folds, record, scans, out / "results_failures.png")


if __name__ == "__main__":
    main()
