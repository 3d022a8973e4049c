"""The registry of approved models: list, promote, roll back."""

from __future__ import annotations

import json

import click

from components.registry.names import STAGES

STAGE = click.option(
    "--stage", type=click.Choice(STAGES), required=True, help="staging, to try a model, or prod, to use it."
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with commits.")
def models(as_json: bool) -> None:
    """List the registered models: versions, stages, verdicts, headline numbers."""
    from components.registry import table
    from components.registry.state import none_here, read_state

    state = read_state()
    if as_json:
        click.echo(json.dumps(table.rows(state), indent=2))
    else:
        click.echo(table.in_words(state) if state.versions else none_here())


@click.command()
@click.argument("version")
@STAGE
@click.option("--force", is_flag=True, help="Override objections; needs --reason.")
@click.option("--reason", help="Reason for --force, recorded in the tag.")
def promote(version: str, stage: str, force: bool, reason: str | None) -> None:
    """Promote VERSION to a stage.

    It must be blessed, no worse than the stage's current version and, for prod, promoted to staging before and not
    rolled back there.
    """
    from components.common import params
    from components.registry.promotion import promote as move

    if force != bool(reason and reason.strip()):
        raise click.UsageError("--force and --reason belong together; give both, or neither")
    chosen = params.load()
    done = move(version, stage, chosen.gate, seed=chosen.seed, remote=chosen.registry.git_remote, reason=reason)
    click.echo(f"{done.name} is now in {stage}")


@click.command()
@STAGE
def rollback(stage: str) -> None:
    """Put the previous version back into a stage; a second call goes back one more."""
    from components.common import params
    from components.registry.promotion import rollback as move

    before, now = move(stage, remote=params.load().registry.git_remote)
    click.echo(f"{now.name} is back in {stage}, in place of {before.name}")
