"""`glioflow compile ...`: the workflow as the engines of a cluster read it."""

from __future__ import annotations

from pathlib import Path

import click


@click.group(name="compile")
def compile_() -> None:
    """Write the workflow in the form of a cluster's engine, from dvc.yaml and params.yaml."""


@compile_.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("infra/argo"), show_default=True, metavar="DIR")
def argo(out: Path) -> None:
    """Write the WorkflowTemplate and the CronWorkflow for Argo."""
    from components.files import atomic_file
    from pipelines.cluster.argo import manifests
    from pipelines.cluster.dag import steps

    for name, text in manifests(steps()).items():
        with atomic_file(out / name) as part:
            part.write_text(text, encoding="utf-8")
        click.echo(out / name)
