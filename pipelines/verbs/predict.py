"""Use an approved model: predict scans, score predictions."""

from __future__ import annotations

import sys
from contextlib import nullcontext

import click
from click.core import ParameterSource

from components.common import packages
from components.common.layout import ENGINES
from pipelines.processes.stop_signals import report_interruption
from pipelines.project import from_here, into_here


@click.command()
@click.argument("inputs", nargs=-1, callback=from_here)
@click.option(
    "--model",
    default="reference",
    show_default=True,
    metavar="MODEL",
    callback=from_here,
    help="Layered model: reference comes with the project; or e.g. artifacts/layered, registry:prod, registry:v1.0.0.",
)
@click.option("--out", required=True, metavar="DIR", callback=into_here, help="Folder for the results.")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    help="What runs the networks: litert, unless the model has no LiteRT files; tensorflow, to compare.",
)
@click.option("--overlays", is_flag=True, help="Draw the outlines over FLAIR, one PNG per slice.")
@click.option(
    "--doubt", is_flag=True, help="Report how doubtful each patient is, and whom to refer; takes twice the time."
)
@click.option("--resume", is_flag=True, help="Continue from what an earlier run left in the folder.")
@click.option(
    "--beam",
    "beam_args",
    multiple=True,
    metavar="FLAG",
    help="Run as a Beam job with this flag, e.g. --runner=FnApiRunner.",
)
@click.option(
    "--storage", metavar="ADDRESS", help="gs://bucket/prefix that Beam's workers reach, if they run elsewhere."
)
@click.option(
    "--watch",
    metavar="FOLDER",
    callback=from_here,
    help="Instead of INPUTS: predict each folder or archive that is dropped into FOLDER, until SIGTERM.",
)
@click.option(
    "--settle",
    default=120,
    show_default=True,
    metavar="SECONDS",
    type=click.IntRange(0, 86400),
    help="With --watch: how long a drop has to stay unchanged.",
)
@click.pass_context
def predict(
    context: click.Context,
    inputs: tuple[str, ...],
    model: str,
    out: str,
    engine: str | None,
    overlays: bool,
    doubt: bool,
    resume: bool,
    beam_args: tuple[str, ...],
    storage: str | None,
    watch: str | None,
    settle: int,
) -> None:
    """Find and outline tumours in INPUTS: sets, patients' folders, NIfTI files, 2-D images, archives, gs:// addresses.

    Needs no masks. Exit status 1 if a patient could not be predicted; the others are predicted all the same.
    """
    if bool(inputs) == bool(watch):
        raise click.UsageError("name INPUTS to predict, or a folder with --watch; not both")
    if watch is not None:
        if resume or beam_args or storage:
            raise click.UsageError("--resume, --beam and --storage exclude --watch, which always resumes")
        from pipelines import watching

        watching.run(watch, model, out, engine=engine, overlays=overlays, doubt=doubt, settle=settle)
        return
    if context.get_parameter_source("settle") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--settle goes with --watch")
    if beam_args:
        packages.need("apache_beam")
    from pipelines import predicting

    # Beam ends its workers, here or elsewhere, in its own way.
    ends = (
        nullcontext()
        if beam_args
        else report_interruption(f"patients that are finished are kept in {out}; go on with --resume")
    )
    with ends:
        status = predicting.run(
            inputs,
            model,
            out,
            engine=engine,
            overlays=overlays,
            doubt=doubt,
            resume=resume,
            beam_args=list(beam_args),
            storage=storage,
        )
    sys.exit(status)


@click.command()
@click.argument("predictions", callback=from_here)
@click.option(
    "--truth", required=True, metavar="SCANS", callback=from_here, help="The same scans, with reference masks."
)
@click.option(
    "--model",
    metavar="MODEL",
    callback=from_here,
    help="Model that predicted, if PREDICTIONS don't record how volumes were resampled to slices.",
)
def score(predictions: str, truth: str, model: str | None) -> None:
    """Compare PREDICTIONS, a folder of `glioflow predict` or its table, with reference masks; JSON."""
    from pipelines import predicting

    click.echo(predicting.score(predictions, truth, model))
