"""What a change of the recipe brings, patient by patient, on folds that none of the networks has seen.

    python benchmarks/quality/compare.py --source kaggle_3m --against reference --tests 1,3 together slim

Run `train.py` first, for every recipe and fold. Nothing is chosen: threshold 0.5, the mean of each slice's
prediction and its mirror image's, no 3-D processing. `together+slim` names the mean of two recipes' predictions.
Prints a table, and writes each patient's score as a row of a CSV file, by the patient's fingerprint.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import numpy as np
import pandas as pd
from held_out import HeldOut, folds_of
from score import FALSE_AREA, gate_scores
from train import recipe_params

from components.common.files import atomic_file, read_json
from components.metrics.intervals import interval
from components.metrics.slice_scores import auroc
from components.scans.identity import fingerprint
from components.sources import Source, open_source


def averaged(folds: list[HeldOut]) -> HeldOut:
    """Average what several networks predicted for the same patients."""
    first, *others = folds
    assert all(one.patients == first.patients for one in others)

    def mean(field: str) -> np.ndarray:
        return np.mean([getattr(one, field) for one in folds], axis=0, dtype=np.float32)

    return dataclasses.replace(first, probability=mean("probability"), masks=mean("masks"), mirrored=mean("mirrored"))


def scores(fold: HeldOut, scans: Source) -> tuple[list[dict], list[pd.DataFrame]]:
    """Score each patient of a fold; also returns its slices: whether they show tumour, and the mask's peak."""
    rows, slices = [], []
    for patient in fold.patients:
        scan = scans.read(patient).scan
        assert scan is not None
        assert scan.mask is not None
        peak, probability = fold.of(patient, scan.image.shape[1])
        one = {"patient": fingerprint(patient), "site": scan.site}
        rows.append(one | gate_scores(scan.mask, probability >= 0.5))
        slices.append(pd.DataFrame({"has_tumor": scan.mask.any(axis=(1, 2)), "peak": peak}))
    return rows, slices


def cell(values: np.ndarray, seed: int, sign: str = "") -> str:
    """A mean over patients and its interval."""
    of = interval(values, seed=seed)
    return f"{of.value:{sign}.3f} ({of.low:{sign}.3f} to {of.high:{sign}.3f})"


def row(name: str, table: pd.DataFrame, base: pd.DataFrame, slices: pd.DataFrame, minutes: float) -> str:
    """One recipe's line of the table."""
    found, seed = table["volume_dice"].to_numpy(), recipe_params(name.split("+")[0]).seed
    gain = "" if table is base else cell(found - base["volume_dice"].to_numpy(), seed, "+")
    worst = np.percentile(found, 10)
    false = table[FALSE_AREA].mean()
    area = auroc(slices["has_tumor"].to_numpy(), slices["peak"].to_numpy())
    cells = (
        f"`{name}`",
        cell(found, seed),
        gain,
        f"{np.median(found):.3f}",
        f"{worst:.3f}",
        f"{false:.1f}",
        f"{area:.3f}",
        f"{minutes:.0f}",
    )
    return f"| {' | '.join(cells)} |"


@click.command()
@click.argument("recipes", nargs=-1, required=True)
@click.option("--source", required=True, type=click.Path(exists=True, path_type=Path), help="Scans, kaggle_3m.")
@click.option("--against", required=True, help="Recipe that the others are compared with.")
@click.option("--tests", required=True, help="Folds, e.g. 1,3.")
@click.option("--place", default=Path("artifacts/quality"), type=click.Path(path_type=Path), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="CSV file of the patients' scores.")
def main(recipes: tuple[str, ...], source: Path, against: str, tests: str, place: Path, out: Path | None) -> None:
    """Compare RECIPES, paired by patient."""
    tags, tables = tests.split(","), {}
    lines = [
        f"| recipe | volume Dice, mean (95 % interval) | minus `{against}` | median | 10th percentile "
        "| false-positive pixels on an empty slice | AUROC of the peak | minutes a fold |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with open_source(source) as scans:
        for name in (against, *recipes):
            parts = name.split("+")
            by_part = [folds_of(source, part, None, tags, place) for part in parts]
            found = [scores(averaged(list(fold)), scans) for fold in zip(*by_part, strict=True)]
            tables[name] = pd.DataFrame(
                [
                    {"recipe": name, "fold": tag, **one}
                    for tag, (rows, _) in zip(tags, found, strict=True)
                    for one in rows
                ]
            )
            slices = pd.concat([one for _, of_fold in found for one in of_fold])
            folders = [place / part / f"segmenter-{tag}" for part in parts for tag in tags]
            minutes = sum(read_json(folder / "cost.json")["seconds"] for folder in folders) / 60 / len(tags)
            lines.append(row(name, tables[name], tables[against], slices, minutes))
    if out:
        with atomic_file(out) as part:
            pd.concat(tables.values()).to_csv(part, index=False, float_format="%.4f", lineterminator="\n")
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
