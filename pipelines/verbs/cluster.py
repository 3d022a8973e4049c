"""`glioflow compile ...`: the workflow in the format of a cluster's engine."""

from __future__ import annotations

from pathlib import Path

import click

from components.common.errors import UserError
from pipelines.project import from_here, into_here


@click.group(name="compile")
def compile_() -> None:
    """Write the files for a cluster, from dvc.yaml and params.yaml."""
    from pipelines.workflow import require_repository

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
def argo(out: Path) -> None:
    """Write the WorkflowTemplate and the CronWorkflow for Argo."""
    from components.common.files import atomic_file
    from pipelines.cluster.argo import manifests
    from pipelines.cluster.dag import steps

    for name, text in manifests(steps()).items():
        with atomic_file(out / name) as part:
            part.write_text(text, encoding="utf-8")
        click.echo(out / name)


@compile_.command()
@click.option("--root", default="gs://example-glioflow/kubeflow", show_default=True, help="Address for artifacts.")
@click.option("--registry", help="Folder to push approved models to. Default: ROOT/registry.")
@click.option("--image", default="example/glioflow:0.1.0", show_default=True, help="Image for steps without a GPU.")
@click.option("--gpu-image", default="example/glioflow-gpu:0.1.0", show_default=True, help="Image for the trainings.")
@click.option("--champion", help="Address of the layered model in use.")
@click.option("--ledger", help="Address of a folder with the previous run's ledger.csv.")
@click.option("--start", help="Address of a folder with classifier/ and segmenter/, which trainings start from.")
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
    from pipelines.cluster.dag import steps
    from pipelines.cluster.kubeflow import Site, compiled
    from pipelines.own_weights import check_start

    chosen = params.load()
    starting = [f"{network}.start" for network in ("classifier", "segmenter") if check_start(chosen, network)]
    if starting and not site["start"]:
        raise UserError(f"params.yaml: {starting[0]}: pods don't have that folder; give --start, where a copy lies")
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
