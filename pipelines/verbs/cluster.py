"""`glioflow compile ...`: the workflow in the format of a cluster's engine."""

from __future__ import annotations

from pathlib import Path

import click

from components.common.errors import UserError
from pipelines.project import from_here, into_here


@click.group(name="compile")
def compile_() -> None:
    """Write the files for a cluster, from dvc.yaml and params.yaml."""
    from pipelines.runs.workflow import require_repository

    require_repository()


@compile_.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("infra/argo"),
    show_default=True,
    metavar="DIR",
    callback=into_here,
)
@click.option(
    "-p", "--parameter", "given", multiple=True, metavar="NAME=VALUE", help="Set a parameter of the workflow."
)
@click.option("--schedule", metavar="CRON", help="Cron schedule, five fields. Default: suspended.")
def argo(out: Path, given: tuple[str, ...], schedule: str | None) -> None:
    """Write the WorkflowTemplate and the CronWorkflow for Argo."""
    from components.common.files import atomic_file
    from pipelines.cluster.argo import manifests
    from pipelines.cluster.dag import steps

    for each in given:
        if "=" not in each:
            raise UserError(f"--parameter {each}: no value; write NAME=VALUE")
    values = dict(each.split("=", 1) for each in given)
    for name, text in manifests(steps(), values, schedule).items():
        with atomic_file(out / name) as part:
            part.write_text(text, encoding="utf-8")
        click.echo(out / name)


@compile_.command()
@click.option("--root", default="gs://example-glioflow/kubeflow", show_default=True, help="Address for artifacts.")
@click.option("--registry", help="Folder to push approved models to. Default: ROOT/registry.")
@click.option("--image", default="example/glioflow:0.1.0", show_default=True, help="Image for steps without a GPU.")
@click.option(
    "--gpu-image", default="example/glioflow-gpu:0.1.0", show_default=True, help="Image for the training stages."
)
@click.option("--champion", help="Address of the layered model in use.")
@click.option("--ledger", help="Address of a folder with the previous run's ledger.csv.")
@click.option("--start", help="Address of a folder with classifier/ and segmenter/, which training starts from.")
@click.option("--code", default="/opt/glioflow", show_default=True, help="Folder of the project in the images.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("infra/kubeflow/pipeline.yaml"),
    show_default=True,
    callback=into_here,
)
def kubeflow(out: Path, registry: str | None, **site: str) -> None:
    """Write the pipeline for Kubeflow Pipelines, with the parameters of params.yaml."""
    from components.common import params
    from components.common.files import atomic_file
    from pipelines import stack
    from pipelines.checks.own_weights import check_start
    from pipelines.cluster.dag import steps
    from pipelines.cluster.kubeflow import Site, compiled

    chosen = params.load()
    starting = [f"{network}.start" for network in ("classifier", "segmenter") if check_start(chosen, network)]
    if starting and not site["start"]:
        raise UserError(f"params.yaml: {starting[0]}: pods don't have that folder; give a copy's address with --start")
    if site["start"] and not starting:
        raise UserError("--start: neither classifier.start nor segmenter.start is set in params.yaml; leave it out")
    if stack.current() == "classic":
        click.echo(
            "compiled in the classic stack, so it needs images of that stack; those in infra/docker are modern",
            err=True,
        )
    text = compiled(steps(), chosen, Site(registry=registry or f"{site['root']}/registry", **site))
    with atomic_file(out) as part:
        part.write_text(text, encoding="utf-8")
    click.echo(out)


@click.command(name="recur")
@click.argument("host", metavar="URL")
@click.option("--cron", default="0 0 2 * * *", show_default=True, help="Schedule: six fields, seconds first.")
@click.option("--account", help="Kubernetes service account of the pods.")
@click.option(
    "--pipeline", type=click.Path(path_type=Path), default=Path("infra/kubeflow/pipeline.yaml"), callback=from_here
)
def recur(host: str, cron: str, account: str | None, pipeline: Path) -> None:
    """Let the Kubeflow Pipelines at URL run the compiled pipeline on a schedule."""
    from pipelines.cluster.recurring import recur

    if not pipeline.is_file():
        raise UserError(f"{pipeline}: no such file; write it with `glioflow compile kubeflow`")
    click.echo(f"recurring run {recur(host, pipeline, cron, account)}")


@click.command(name="notify")
@click.option("--webhook", envvar="GLIOFLOW_WEBHOOK", metavar="URL", help="Where to post it. Default: nowhere.")
@click.option("--run", "name", envvar="GLIOFLOW_RUN", required=True, metavar="NAME", help="Name of the run.")
@click.option("--status", envvar="GLIOFLOW_STATUS", required=True, help="How it ended.")
@click.option("--failures", envvar="GLIOFLOW_FAILURES", default="", metavar="JSON", help="Argo's workflow.failures.")
def notify(webhook: str | None, name: str, status: str, failures: str) -> None:
    """Tell a webhook how a run on a cluster ended; every option can also be set by an environment variable."""
    from pipelines.cluster import notice

    if not webhook:
        click.echo("no webhook: nobody is notified; docs/how-to/clusters.md says how to set one")
        return
    notice.notify(webhook, name, status, failures)
    click.echo(f"notified the webhook: {name}: {status}")
