"""What each recipe costs: CPU seconds of one training step of its segmenter, and CPU minutes of a fold.

    python benchmarks/quality/cost.py --source kaggle_3m reference soft paste together longer

Trains twice on a few patients, with a short and a longer schedule, and takes the difference, so that set-up time
cancels out. Recipes alternate and medians are reported, so that the ratios hold on a busy machine, too.
"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from pack import Pack, packed
from train import by_volume, recipe_params, train

from components.common.params import Params

FEW = 4  # patients to train on
SHORT, LONG = 1, 7  # epochs


def spent(params: Params, pack: Pack, numbers: np.ndarray, epochs: int) -> float:
    """CPU seconds of a training on the slices of these numbers."""
    import keras

    keras.backend.clear_session()
    short = params.segmenter.model_copy(update={"epochs": epochs, "patience": epochs})
    params = params.model_copy(update={"segmenter": short})
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        train("segmenter", params, pack.slices(), numbers, [], Path(folder) / "network")
        return time.process_time() - began


@click.command()
@click.argument("recipes", nargs=-1, required=True)
@click.option("--source", required=True, type=click.Path(exists=True, path_type=Path), help="Scans, kaggle_3m.")
@click.option("--test", default=1, show_default=True, help="Test fold of the training to cost.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--place", default=Path("artifacts/quality"), type=click.Path(path_type=Path), show_default=True)
def main(recipes: tuple[str, ...], source: Path, test: int, rounds: int, place: Path) -> None:
    """Print what a step and a fold of RECIPES cost; ratios are to the first of them."""
    found: dict[str, list[float]] = {name: [] for name in recipes}
    folds = {}
    for _ in range(rounds):
        for name in recipes:
            params = recipe_params(name)
            chosen = params.segmenter
            pack = packed(source, chosen.image_size, params.seed, place, scaled_by_volume=by_volume(name))
            numbers = pack.rows(pack.patients.iloc[:FEW])
            steps = (LONG - SHORT) * math.ceil(len(numbers) / chosen.batch_size)
            seconds = spent(params, pack, numbers, LONG) - spent(params, pack, numbers, SHORT)
            found[name].append(seconds / steps)
            known = pack.patients.loc[pack.patients["fold"] != test, "slices"].sum()
            folds[name] = chosen.epochs * math.ceil(known / chosen.batch_size)
    click.echo(f"| recipe | CPU s/step | vs `{recipes[0]}` | steps of a fold | CPU minutes of a fold |")
    click.echo("|---|--:|--:|--:|--:|")
    for name, seconds in found.items():
        ratio = float(np.median(np.divide(seconds, found[recipes[0]])))
        step = float(np.median(seconds))
        click.echo(f"| `{name}` | {step:.2f} | {ratio:.2f} | {folds[name]} | {step * folds[name] / 60:.0f} |")


if __name__ == "__main__":
    main()
