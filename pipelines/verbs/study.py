"""Study data and parameters: drift, search, cross-validation."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.processes.stop_signals import report_interruption
from pipelines.project import from_here, into_here

if TYPE_CHECKING:
    from components.common.params import Params
    from components.studies.space import Space

SPACE = Path(__file__).resolve().parents[1] / "tune.yaml"
TABLES = Path("reports/tuning")


@click.command()
@click.argument("new", callback=from_here)
@click.option(
    "--against",
    metavar="DIR",
    default="data",
    show_default=True,
    callback=from_here,
    help="Data folder of the training set.",
)
@click.option(
    "--model",
    metavar="MODEL",
    callback=from_here,
    help="Also compare this model's predictions: artifacts/layered, registry:prod, reference.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Number of training patients to predict with --model.",
)
@click.option(
    "--level", type=click.FloatRange(0, 1, True, True), help="Adjusted p-value below which a difference is drift."
)
@click.option("--out", metavar="FILE", callback=into_here, help="Also write the table to this CSV file.")
def drift(new: str, against: str, model: str | None, sample: int, level: float | None, out: str | None) -> None:
    """Compare NEW scans, in any supported format, with the training set.

    Compares intensities, missing sequences and, with --model, the share of slices in which the model sees a tumour.
    Needs no masks. The exit status is 1 if something has drifted.
    """
    from components.common import params
    from components.common.files import atomic_file, must_exist

    must_exist(new)
    from components.registry.resolve import model_folder
    from components.sources.reading import Options
    from components.studies import new_scans
    from components.validate.drift import FEW, describe_drift, format_table

    chosen = params.load()
    with report_interruption("nothing was written"):
        table, compared, unreadable = new_scans.drift(
            new,
            Path(against),
            level=level or chosen.drift.level,
            options=Options(chosen.ingest.size, chosen.ingest.spacing, chosen.ingest.channels),
            model=model_folder(model) if model else None,
            sample=sample,
            workers=chosen.ingest.workers,
        )
    if out:
        with atomic_file(out) as part:
            table.to_csv(part, index=False)
    click.echo(format_table(table))
    drifted = describe_drift(table)
    for line in (*(f"left out: {one}" for one in unreadable), *(f"drift: {one}" for one in drifted)):
        click.echo(line)
    verdict = f"{len(drifted)} feature(s) have drifted" if drifted else "no drift"
    if table["drift"].eq("too few patients").any():
        verdict = f"too few to tell; it takes {FEW}"
    click.echo(f"{compared} new patient(s) compared: {verdict}")
    sys.exit(1 if drifted else 0)


@click.command()
@click.argument("network", type=click.Choice(["classifier", "segmenter"]))
@click.option(
    "--trials", type=click.IntRange(min=1), default=20, show_default=True, help="Total number of training runs."
)
@click.option(
    "--space", metavar="FILE", callback=from_here, help="YAML file of values to try. Default: pipelines/tune.yaml."
)
def tune(network: str, trials: int, space: str | None) -> None:
    """Search for better training parameters: Optuna proposes them, the validation patients decide.

    An interrupted search continues where it stopped; a higher --trials adds to the trials so far.
    """
    import pandas as pd

    from components.common import params
    from components.common.errors import UserError
    from components.common.files import atomic_file
    from components.common.yaml_text import read_yaml
    from components.studies.space import check_space, parse_space
    from pipelines.paths import ARTIFACTS, EXAMPLES
    from pipelines.processes.run_lock import alone

    chosen, file = params.load(), Path(space) if space else SPACE
    if not EXAMPLES.is_dir():
        raise UserError(f"{EXAMPLES}: not here; run `dvc repro validate` first")
    tree = read_yaml(file, f"no such file; give a search space, see {SPACE.name} for an example")
    if not isinstance(tree, dict) or not tree.get(network):
        raise UserError(f"{file}: has nothing for {network}; see {SPACE.name} for an example")
    checked = parse_space(tree[network], str(file))
    check_space(checked, chosen, network)
    _check_weights(checked, chosen, network)
    # Another run would change the examples, or compete for the machine's memory.
    with report_interruption("the same command continues this trial"), alone("tune"):
        from components.studies.search import search

        rows = search(network, chosen, checked, EXAMPLES, ARTIFACTS / "tuning" / f"{network}.journal", trials=trials)
    table, target = pd.DataFrame(rows, dtype=object), TABLES / f"{network}.csv"
    with atomic_file(target) as part:
        table.to_csv(part, index=False)
    click.echo(table.head(5).to_string(index=False, float_format="{:.4g}".format))
    click.echo(f"\nall {len(table)} trials: {target}\n{_advice(network, rows[0], checked)}")


def _check_weights(space: Space, chosen: Params, network: str) -> None:
    """Refuse a search space with pre-trained weights that do not exist, or whose changes DVC would not notice."""
    from components.studies.space import ContradictionError, changed
    from pipelines.checks.own_weights import check_weights

    values = space.get("weights")
    for value in values if isinstance(values, list) else ():
        with suppress(ContradictionError):  # a trial that draws it is left out
            check_weights(changed(chosen, network, {"weights": value}), network)


def _advice(network: str, best: dict[str, Any], space: Space) -> str:
    if best["score"] is None:
        return "no trial reached the end of an epoch, so there is nothing to recommend; try other ranges"
    if best["state"] == "diverged":
        return "every trial that reached the end of an epoch diverged; try lower learning rates"
    from pipelines.editing.assignments import written

    settings = [written(f"{network}.{name}", best[name]) for name in space]
    return f"train with the best: glioflow run {' '.join(f'-S {setting}' for setting in settings)}"


@click.command()
@click.option("--folds", type=click.IntRange(min=2), help="Number of folds. Default: split.folds in params.yaml.")
def crossval(folds: int | None) -> None:
    """Run the workflow once per fold, and report on all patients, each tested by a model that has not seen it.

    An interrupted cross-validation continues where it stopped. Folds run in a workspace of their own, so nothing from
    the last run changes.
    """
    from pipelines.runs import crossval as folding

    sys.exit(folding.run(folds))
