"""`glioflow`: thin verbs over the packages. A verb imports what is heavy only when it runs, so `--help` is instant."""

from __future__ import annotations

import functools
import sys
from typing import Any, NoReturn

import click

from components.common import faults, packages, system
from components.common.errors import UserError
from pipelines import project
from pipelines.processes import gc_settings, quiet, user_environment
from pipelines.verbs import cluster, pod, predict, registry, review, run, serve, stage, study


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="glioflow")
@click.pass_context
def cli(context: click.Context) -> None:
    """Find and outline brain tumours in MRI: a versioned, gated batch workflow.

    `dvc repro` runs the stages; `glioflow run` does that with the switches that people change most.
    """
    project.enter(context)


def _of_workflow(verb: click.Command) -> click.Command:
    """Make a verb say what to install, instead of starting, in an environment for predictions only."""
    if isinstance(verb, click.Group):
        for inner in verb.commands.values():
            _of_workflow(inner)
    elif verb.callback:
        begin = verb.callback

        @functools.wraps(begin)
        def checked(*args: Any, **options: Any) -> Any:
            packages.need(*packages.WORKFLOW)
            return begin(*args, **options)

        verb.callback = checked
    return verb


for _verb in (run.doctor, predict.predict, predict.score, serve.serve, study.drift):
    cli.add_command(_verb)
for _verb in (
    *(run.run, run.scheduled, run.summary, run.clean),
    *(review.review, review.adopt),
    *(registry.models, registry.promote, registry.rollback),
    *(study.tune, study.crossval),
    *(stage.stage, pod.pod, cluster.compile_, cluster.recur, cluster.notify),
):
    cli.add_command(_of_workflow(_verb))


def main() -> None:
    """Entry point: a `UserError`, or an error of the machine, becomes one line on standard error.

    The exit status is 2, or 75 if the fault is transient.
    """
    gc_settings.collect_seldom()
    try:
        user_environment.complete()
        project.take_its_code()
        quiet.silence()
        cli()
    except UserError as error:
        _end(str(error), error)
    except Exception as error:
        words = system.in_words(error) or packages.missing(error) or _of_dvc(error) or _transient(error)
        if words is None:  # a bug
            raise
        _end(words, error)


def _transient(error: Exception) -> str | None:
    """Return the message for an unreachable server, whichever library was talking to it."""
    if not faults.is_transient(error):
        return None
    return f"{' '.join(str(error).split()) or type(error).__name__}; this may pass, so start again later"


def _of_dvc(error: Exception) -> str | None:
    """Return the message of an error of DVC or its Git layer; imports neither to find out."""
    for module, name in (("dvc.exceptions", "DvcException"), ("scmrepo.exceptions", "SCMError")):
        if module in sys.modules and isinstance(error, getattr(sys.modules[module], name)):
            return f"dvc: {error}; fix that and start again"
    return None


def _end(words: str, error: Exception) -> NoReturn:
    click.echo(f"glioflow: {' '.join(words.split())}", err=True)
    sys.exit(faults.EX_TEMPFAIL if faults.is_transient(error) else 2)
