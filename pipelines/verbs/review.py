"""Let a radiologist review masks, and bring what was decided back into the data."""

from __future__ import annotations

import click

from pipelines.processes.stop_signals import report_interruption
from pipelines.project import from_here, into_here


@click.command()
@click.argument("found", callback=from_here)
@click.option("--scans", required=True, metavar="SCANS", callback=from_here, help="The scans that were predicted.")
@click.option("--out", required=True, metavar="DIR", callback=into_here, help="Folder for the decisions and masks.")
@click.option("--reviewer", required=True, metavar="NAME", help="Who reviews; kept with every decision.")
@click.option(
    "--references",
    is_flag=True,
    help="Review the source's own masks; FOUND is then the table of a cross-validation, reports/crossval.csv.",
)
@click.option("--port", default=0, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
def review(found: str, scans: str, out: str, reviewer: str, references: bool, port: int) -> None:
    """Accept, correct or reject the masks in FOUND, a folder of `glioflow predict --doubt`, in a browser.

    Serves a page on 127.0.0.1, the most doubtful patient first, until ctrl-C.
    """
    from pipelines import reviewing

    with report_interruption(f"decisions are kept in {out}"):
        reviewing.run(found, scans, out, reviewer, references=references, port=port)


@click.command()
@click.argument("reviewed", callback=from_here)
@click.option("--into", required=True, metavar="SOURCE", callback=into_here, help="Folder of scans to change.")
@click.option("--scans", metavar="SCANS", callback=from_here, help="The scans, if they have moved since the review.")
@click.option("--test-too", is_flag=True, help="Also test on masks that a model began.")
def adopt(reviewed: str, into: str, scans: str | None, test_too: bool) -> None:
    """Write the accepted and corrected masks of REVIEWED, a folder of `glioflow review`, into a source.

    In the source's own format, all of them or none, with reviews.csv beside the patients. Patients with a
    reference stay in their split; those without go to train.
    """
    from pipelines import adopting

    with report_interruption(f"{into} has all masks of the review or none; adopt again to be sure"):
        adopting.run(reviewed, into, scans=scans, test_too=test_too)
