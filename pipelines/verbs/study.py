"""Study data and parameters: drift, search, cross-validation."""

from __future__ import annotations

import sys

import click

from pipelines.project import from_here, into_here


@click.command()
@click.argument("new", callback=from_here)
@click.option(
    "--against",
    metavar="DIR",
    default="data",
    show_default=True,
    callback=from_here,
    help="Data folder with the training set.",
)
@click.option(
    "--model",
    metavar="MODEL",
    callback=from_here,
    help="Compare predictions, too: artifacts/layered, registry:prod, reference.",
)
@click.option(
    "--sample", type=click.IntRange(min=1), default=30, show_default=True, help="Training patients to predict."
)
@click.option("--level", type=click.FloatRange(0, 1, True, True), help="Adjusted p below this is drift.")
@click.option("--out", metavar="FILE", callback=into_here, help="Write the table as CSV, too.")
def drift(new: str, against: str, model: str | None, sample: int, level: float | None, out: str | None) -> None:
    """Compare NEW scans, a source of any format, with the training set.

    Intensities, missing sequences and, with --model, the share of slices in which it sees a tumour. Needs no masks.
    Exit status 1 where something has drifted.
    """
    from pipelines import drifting

    sys.exit(drifting.run(new, against, model=model, sample=sample, level=level, out=out))


@click.command()
@click.argument("network", type=click.Choice(["classifier", "segmenter"]))
@click.option("--trials", type=click.IntRange(min=1), default=20, show_default=True, help="Trainings in all.")
@click.option(
    "--space", metavar="FILE", callback=from_here, help="YAML file of what to try; without it pipelines/tune.yaml."
)
def tune(network: str, trials: int, space: str | None) -> None:
    """Search for better parameters of a training: Optuna proposes, the validation patients decide.

    Killed and started again it goes on; a higher --trials adds to what is there.
    """
    from pipelines import tuning

    tuning.run(network, trials=trials, space=space)


@click.command()
@click.option("--folds", type=click.IntRange(min=2), help="Without it split.folds decides.")
def crossval(folds: int | None) -> None:
    """Run the workflow once a fold; report all patients, each tested by a model that has not seen it.

    Stopped and started again it goes on. Folds run in a workspace of their own: nothing of the last run changes.
    """
    from pipelines import crossval as folding

    sys.exit(folding.run(folds))
