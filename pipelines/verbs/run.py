"""Run the workflow and show the result."""

from __future__ import annotations

import os
import sys

import click

from pipelines.project import from_here


@click.command()
@click.option("--source", metavar="SCANS", callback=from_here, help="Folder, archive or gs:// address of scans.")
@click.option("--scale", type=click.Choice(["demo", "laptop", "full"]), help="Size of the networks and of training.")
@click.option("-S", "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Set a parameter of params.yaml.")
@click.option("--settings", "line", default="", metavar="LINE", help="Set several: NAME=VALUE NAME=VALUE ...")
def run(source: str | None, scale: str | None, settings: tuple[str, ...], line: str) -> None:
    """Run the whole workflow and print its result.

    Options are written to params.yaml, where they stay, and `dvc repro` runs what they change.
    """
    from pipelines.editing import assignments
    from pipelines.runs import workflow

    chosen = [assignments.written("source", source)] if source else []
    chosen += [f"scale={scale}"] if scale else []
    sys.exit(workflow.run([*chosen, *settings, *assignments.split(line)]))


@click.command()
@click.option("--sync", is_flag=True, help="Pull code and results from the Git and DVC remotes first; push results.")
def scheduled(sync: bool) -> None:
    """Run the workflow unattended, unless another run is active; print the outcome as the last line."""
    from pipelines.runs import scheduled as unattended

    status, outcome = unattended.run(sync=sync)
    click.echo(f"scheduled run: {outcome}")
    sys.exit(status)


@click.command()
def summary() -> None:
    """Print the result of the last run: verdict, headline numbers, report."""
    from pipelines.runs import run_summary

    click.echo(run_summary.summary())


@click.command()
def clean() -> None:
    """Remove what the workflow made and can make again; scans, the ledger of splits and the registry stay."""
    from pipelines.processes.run_lock import alone
    from pipelines.processes.stop_signals import report_interruption
    from pipelines.runs import clean as cleaning

    with report_interruption("what is left can be removed by another `glioflow clean`"), alone("clean"):
        removed = cleaning.run()
    click.echo("removed " + ", ".join(removed) if removed else "nothing to remove")


@click.command()
def doctor() -> None:
    """Describe the installation, and fail if it lacks something: versions, what is past its end of life, processors."""
    from components.common import packages
    from components.common.errors import UserError
    from pipelines import stack
    from pipelines.checks import missing_requirements

    whole = missing_requirements.whole()
    click.echo(stack.describe(whole=whole, image=os.environ.get(packages.IMAGE)))
    missing = missing_requirements.missing()
    if missing:
        remedy = packages.in_image("serve") or f"run `make {'setup' if whole else 'predict-setup'}`"
        raise UserError(f"this installation lacks {', '.join(missing)}; {remedy}")
