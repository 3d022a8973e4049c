"""`glioflow`: thin verbs over the packages. A verb imports what is heavy only when it runs, so `--help` is instant."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from components.common import system
from components.common.errors import UserError
from pipelines import account, project, quiet
from pipelines.verbs import cluster, pod, predict, registry, review, run, serve, stage, study


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="glioflow")
@click.pass_context
def cli(context: click.Context) -> None:
    """Find and outline brain tumours in MRI: a versioned, gated batch workflow.

    `dvc repro` runs the stages; `glioflow run` does that with the switches that people change most.
    """
    project.enter(context)


for _verb in (
    *(run.run, run.scheduled, run.summary, run.clean, run.doctor),
    *(predict.predict, predict.score),
    *(review.review, review.adopt),
    *(registry.models, registry.promote, registry.rollback),
    serve.serve,
    *(study.drift, study.tune, study.crossval),
    *(stage.stage, pod.pod, cluster.compile_, cluster.recur),
):
    cli.add_command(_verb)


def main() -> None:
    """Entry point: a `UserError`, or an error of the machine, becomes one line on standard error, exit status 2."""
    try:
        account.complete()
        project.take_its_code()
        quiet.silence()
        cli()
    except UserError as error:
        _end(str(error))
    except Exception as error:
        words = system.in_words(error) or _of_dvc(error)
        if words is None:  # a bug
            raise
        _end(words)


def _of_dvc(error: Exception) -> str | None:
    """Return what DVC, or its Git layer, tells its users; imports neither to find out."""
    for module, name in (("dvc.exceptions", "DvcException"), ("scmrepo.exceptions", "SCMError")):
        if module in sys.modules and isinstance(error, getattr(sys.modules[module], name)):
            return f"dvc: {error}; see to it and start again"
    return None


def _end(words: str) -> NoReturn:
    click.echo(f"glioflow: {' '.join(words.split())}", err=True)
    sys.exit(2)
