"""What a few patients of your own gain: volume Dice of a site's patients, by how many others of it were trained on.

    python benchmarks/quality/own_patients.py --source kaggle_3m --site CS

Trains a reference on all other sites. Then, for each draw: tests some patients of the site, and has a segmenter learn
from 0, 2, 4, 8 of the rest, starting from that reference and from the recipe's own start, ImageNet. Within a draw the
same patients are tested throughout, and the draws test each patient about as often. Nothing is chosen: last weights,
threshold 0.5, the mean of each slice's prediction and its mirror image's, no 3-D processing. If killed
and started again, it continues.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd
from compare import cell as interval_cell
from held_out import held_out
from pack import Pack, packed
from train import by_volume, predict, recipe_params, train

from components.common.files import atomic_file
from components.common.params import Params
from components.metrics.mask_scores import dice
from components.scans.identity import fingerprint
from components.sources import open_source

REFERENCE, IMAGENET = "reference", "ImageNet"


def drawn(own: list[str], tested: int, draws: int, seed: int) -> Iterator[tuple[list[str], list[str]]]:
    """Yield a draw's test patients, and the others in the order in which they are learned from."""
    order = np.random.default_rng(seed).permutation(sorted(own))
    for draw in range(draws):
        turned = np.roll(order, -draw * tested).tolist()
        yield turned[:tested], turned[tested:]


def shortened(params: Params, pack: Pack, names: list[str], steps: int | None, rate: float | None) -> Params:
    """The parameters with as many epochs of these patients as make about `steps` steps, and with another rate.

    None leaves the recipe's.
    """
    recipe, changes = params.segmenter, {}
    if steps is not None:
        slices = pack.patients.loc[pack.patients["patient"].isin(names), "slices"].sum()
        epochs = max(2, round(steps / math.ceil(slices / recipe.batch_size)))
        changes = {"epochs": epochs, "patience": epochs}
    changes["learning_rate"] = rate or recipe.learning_rate
    return params.model_copy(update={"segmenter": recipe.model_copy(update=changes)})


def learned(folder: Path, params: Params, pack: Pack, names: list[str], start: Path | None, known: list[str]) -> None:
    """Train a segmenter on patients, unless that was done before.

    Args:
        start: network to start from; None for the recipe's own start.
        known: fingerprints of those whom the start has learned from.
    """
    import keras

    if not folder.is_dir():
        keras.backend.clear_session()
        numbers = pack.rows(pack.patients[pack.patients["patient"].isin(names)])
        people = sorted({*map(fingerprint, names), *known})
        train("segmenter", params, pack.slices(), numbers, people, folder, start)


def scored(folder: Path, pack: Pack, names: list[str], source: Path, tag: str) -> list[float]:
    """Volume Dice of patients by the segmenter in `folder`, at the scans' own resolution.

    `tag` names the file of their predictions, because one network may be asked about several groups.
    """
    kept = folder / f"{tag}.npz"
    rows = pack.patients[pack.patients["patient"].isin(names)]
    if not kept.is_file():
        predict(folder, pack.slices(), pack.rows(rows), rows["patient"].tolist())
        (folder / "held_out.npz").replace(kept)
    counts = dict(zip(rows["patient"], rows["slices"], strict=True))
    found, scores = held_out(folder, None, counts, kept.name), []
    with open_source(source) as scans:
        for name in names:
            scan = scans.read(name).scan
            assert scan is not None
            assert scan.mask is not None
            scores.append(dice(scan.mask, found.of(name, scan.image.shape[1])[1] >= 0.5))
    return scores


@click.command()
@click.option("--source", required=True, type=click.Path(exists=True, path_type=Path), help="Scans, kaggle_3m.")
@click.option("--recipe", default="longer", show_default=True)
@click.option("--site", default="CS", show_default=True)
@click.option("--sizes", default="0,2,4,8", show_default=True, help="Numbers of its patients to learn from.")
@click.option("--draws", default=3, show_default=True)
@click.option("--steps", default=150, show_default=True, help="Steps from the reference.")
@click.option("--rate", default=2e-4, show_default=True, help="Learning rate from the reference.")
@click.option("--steps-imagenet", default=400, show_default=True, help="Steps from ImageNet, at the recipe's rate.")
@click.option("--steps-reference", type=int, help="Steps of the reference itself. Default: the recipe's epochs.")
@click.option("--place", default=Path("artifacts/quality"), type=click.Path(path_type=Path), show_default=True)
def main(
    source: Path,
    recipe: str,
    site: str,
    sizes: str,
    draws: int,
    steps: int,
    rate: float,
    steps_imagenet: int,
    steps_reference: int | None,
    place: Path,
) -> None:
    """Measure the curve; prints it as a table, and writes each test as a row of own_patients.csv."""
    params = recipe_params(recipe)
    pack = packed(source, params.segmenter.image_size, params.seed, place, scaled_by_volume=by_volume(recipe))
    of_site = pack.patients["site"] == site
    own, others = (pack.patients.loc[rows, "patient"].tolist() for rows in (of_site, ~of_site))
    counts = [int(size) for size in sizes.split(",")]
    tested = len(own) - max(counts)
    if tested < 2:
        raise click.ClickException(f"{site} has {len(own)} patients, too few to learn from {max(counts)} and test")
    # Folder names include every setting that the result depends on, so that runs with other settings don't reuse it.
    home = place / "own_patients" / f"{recipe}-without-{site}-{steps_reference or 'all'}"
    base, known = home / "reference", [fingerprint(name) for name in others]
    learned(base, shortened(params, pack, others, steps_reference, None), pack, others, None, [])
    starts = {REFERENCE: (steps, rate, base, known), IMAGENET: (steps_imagenet, None, None, [])}
    rows = []
    for draw, (test, pool) in enumerate(drawn(own, tested, draws, params.seed)):
        for count, start in itertools.product(counts, starts):
            names, (start_steps, start_rate, begin, people) = pool[:count], starts[start]
            if count:
                folder = home / f"{start}-{count}-draw-{draw}-of-{tested}-{start_steps}-{start_rate or 'usual'}"
                learned(folder, shortened(params, pack, names, start_steps, start_rate), pack, names, begin, people)
            elif start == REFERENCE:
                folder = base
            else:
                continue  # nothing has been learned
            of = {"draw": draw, "patients": count, "start": start}
            scores = zip(test, scored(folder, pack, test, source, f"draw-{draw}"), strict=True)
            rows += [of | {"tested": fingerprint(name), "volume_dice": score} for name, score in scores]
            with atomic_file(place / "own_patients.csv") as part:
                pd.DataFrame(rows).to_csv(part, index=False)
    click.echo(table(pd.DataFrame(rows), counts, params.seed))


def table(rows: pd.DataFrame, counts: list[int], seed: int) -> str:
    """The curve as rows of a Markdown table: mean over the tested patients, each by its mean over draws."""

    def cell(count: int, start: str) -> str:
        found = rows[(rows["patients"] == count) & (rows["start"] == start)]
        if found.empty:
            return "none"
        return interval_cell(found.groupby("tested")["volume_dice"].mean().to_numpy(), seed)

    return "\n".join(f"| {count} | {cell(count, IMAGENET)} | {cell(count, REFERENCE)} |" for count in counts)


if __name__ == "__main__":
    main()
