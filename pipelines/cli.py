"""`glioflow`: thin verbs over the rooms. Nothing heavy is imported before a verb needs it, so `--help` is instant."""

from __future__ import annotations

import sys

import click

from components.errors import UserError
from pipelines import quiet


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="glioflow")
def cli() -> None:
    """Find and outline brain tumours in MRI: a versioned, gated batch workflow.

    `dvc repro` runs the stages; `glioflow run` does that with the switches that people change most.
    """


@cli.group()
def stage() -> None:
    """Run one stage of dvc.yaml, as `dvc repro` does."""


def _add_stage(name: str, summary: str) -> None:
    @stage.command(name, help=summary)
    def command() -> None:
        from components import params
        from pipelines import stages

        getattr(stages, name)(params.load())


for _name, _summary in {
    "demo": "Write the synthetic patients.",
    "ingest": "Read the source: one NIfTI a patient, one manifest row a slice.",
    "split": "Split by patient and audit the split for leaks.",
    "convert": "Write sharded TFRecords with Apache Beam.",
    "validate": "Check the examples against the curated schema.",
    "assemble": "Choose thresholds on validation patients; write the layered model.",
    "evaluate": "Measure on the test patients; give the verdict.",
    "report": "Write the HTML report.",
    "push": "Put the layered model into the registry, if it is blessed.",
}.items():
    _add_stage(_name, _summary)


@stage.command()
@click.argument("network", type=click.Choice(["classifier", "segmenter"]))
def train(network: str) -> None:
    """Train the classifier or the segmenter."""
    from components import params
    from pipelines import stages

    stages.train(params.load(), network)


@cli.command()
@click.option("--source", metavar="DIR", help="Folder of scans; without it params.yaml decides.")
@click.option("--scale", type=click.Choice(["demo", "laptop", "full"]), help="Size of networks and trainings.")
@click.option("-S", "--set", "settings", multiple=True, metavar="KNOB=VALUE", help="Any other knob of params.yaml.")
def run(source: str | None, scale: str | None, settings: tuple[str, ...]) -> None:
    """Run the whole workflow and print its result.

    Switches are written to params.yaml, where they stay and are versioned, then `dvc repro` runs what they change.
    """
    from pipelines import workflow

    chosen = [f"source={source}"] if source else []
    chosen += [f"scale={scale}"] if scale else []
    sys.exit(workflow.run([*chosen, *settings]))


@cli.command()
@click.argument("new")
@click.option("--against", metavar="DIR", default="data", show_default=True, help="Data folder with the training set.")
@click.option("--model", metavar="DIR", help="Layered model, to compare predictions, too, e.g. artifacts/layered.")
@click.option(
    "--sample", type=click.IntRange(min=1), default=30, show_default=True, help="Training patients to predict."
)
@click.option("--level", type=click.FloatRange(0, 1, True, True), help="Adjusted p below this is drift.")
@click.option("--out", metavar="FILE", help="Write the table as CSV, too.")
def drift(new: str, against: str, model: str | None, sample: int, level: float | None, out: str | None) -> None:
    """Compare NEW scans, a source of any format, with the training set.

    Intensities, missing sequences and, with --model, the share of slices in which it sees a tumour. Needs no masks.
    Exit status 1 where something has drifted.
    """
    from pipelines import drifting

    sys.exit(drifting.run(new, against, model=model, sample=sample, level=level, out=out))


@cli.command()
@click.argument("network", type=click.Choice(["classifier", "segmenter"]))
@click.option("--trials", type=click.IntRange(min=1), default=20, show_default=True, help="Trainings in all.")
@click.option("--space", metavar="FILE", help="YAML file of what to try; without it pipelines/tune.yaml.")
def tune(network: str, trials: int, space: str | None) -> None:
    """Search for better parameters of a training: Optuna proposes, the validation patients decide.

    Killed and started again it goes on; a higher --trials adds to what is there.
    """
    from pipelines import tuning

    tuning.run(network, trials=trials, space=space)


@cli.command()
@click.option("--folds", type=click.IntRange(min=2), help="Without it split.folds decides.")
def crossval(folds: int | None) -> None:
    """Run the workflow once a fold; report all patients, each tested by a model that has not seen it.

    Stopped and started again it goes on. params.yaml and the outputs are put back afterwards.
    """
    from pipelines import crossval as folding

    sys.exit(folding.run(folds))


@cli.command()
def summary() -> None:
    """Print the result of the last run: verdict, headline numbers, report."""
    from pipelines import workflow

    click.echo(workflow.summary())


@cli.command()
def doctor() -> None:
    """Tell which lane of the stack this is, why, and what the machine offers."""
    from pipelines import lane

    click.echo(lane.describe())


def main() -> None:
    """Entry point: a `UserError` becomes one line on standard error and exit status 2."""
    quiet.silence()
    try:
        cli()
    except UserError as error:
        click.echo(f"glioflow: {error}", err=True)
        sys.exit(2)
