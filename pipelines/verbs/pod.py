"""`glioflow pod ...`: what the pods of a cluster run; the generated manifests call it, and users can try it by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.project import into_here

if TYPE_CHECKING:
    from pipelines.cluster.pod_run import Run


@click.group()
@click.option("--run", "name", envvar="GLIOFLOW_RUN", required=True, metavar="NAME", help="Name of the run.")
@click.option(
    "--storage",
    envvar="GLIOFLOW_STORAGE",
    required=True,
    metavar="ADDRESS",
    help="Address that all pods reach: gs://bucket/prefix.",
)
@click.option(
    "--settings", envvar="GLIOFLOW_SETTINGS", default="", metavar="LINE", help="NAME=VALUE ..., as for `glioflow run`."
)
@click.option("--branch", envvar="GLIOFLOW_BRANCH", default="glioflow/results", help="Branch for results.")
@click.pass_context
def pod(context: click.Context, /, **options: Any) -> None:
    """Do one pod's part of a run on a cluster, in a clone of the repository.

    Every option can also be set by an environment variable.
    """
    from pipelines.cluster.pod_run import Run
    from pipelines.editing import assignments

    context.obj = Run(**options | {"settings": tuple(assignments.split(options["settings"]))})


@pod.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    callback=into_here,
    help="Folder for files `commit` and, per stage, true or false.",
)
@click.pass_obj
def prepare(run: Run, out: Path | None) -> None:
    """Fix the run's starting point; print the commit that its pods check out, and which stages need a pod."""
    from pipelines.cluster import pods
    from pipelines.cluster.plan import UNCHANGED

    plan = pods.prepare(run)
    if out:
        plan.write(out)
    click.echo(plan.commit)
    click.echo("\n".join(f"{stage}: {'to run' if needed else UNCHANGED}" for stage, needed in plan.stages.items()))


@pod.command()
@click.argument("stage")
@click.pass_obj
def step(run: Run, stage: str) -> None:
    """Run one stage of dvc.yaml."""
    from pipelines.cluster import pods

    click.echo(f"{stage}: {pods.step(run, stage)}")


@pod.command()
@click.pass_obj
def publish(run: Run) -> None:
    """Add the results to their branch."""
    from pipelines.cluster import pods

    done = pods.publish(run)
    click.echo("\n".join(f"{stage}: {what}" for stage, what in done.items()))
    if {pods.RAN, pods.RESTORED}.isdisjoint(done.values()):
        click.echo("nothing new since the last run")
