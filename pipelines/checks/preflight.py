"""Checks, made before the first stage, for whatever would otherwise end a run after hours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.params import Params
from components.registry.git import GitError, git
from pipelines.checks.own_weights import check_start, check_weights
from pipelines.stage_inputs import check_stages

NOTES = ("README.md", ".gitignore")


def check_files(chosen: Params, tree: dict[str, Any]) -> None:
    """Refuse what params.yaml names and the stages could not use: missing or malformed tables, weights, folders.

    Args:
        chosen: the parameters.
        tree: the same, as written in params.yaml.
    """
    for parameter, path in (("split.file", chosen.split.file), ("evaluate.clinical", chosen.evaluate.clinical)):
        if path and "://" not in path and not Path(path).is_file():
            raise UserError(f"params.yaml: {parameter}: {path}: no such file; correct its path")
    for network in ("classifier", "segmenter"):
        check_weights(chosen, network)
        check_start(chosen, network)
    check_addresses(chosen)
    check_stages(tree)
    # Imported only if needed: every run makes these checks.
    if chosen.split.file:
        from components.split.user_file import read_rows

        read_rows(chosen.split.file)
    if chosen.evaluate.clinical:
        from components.evaluate.clinical import read_table

        read_table(chosen.evaluate.clinical)
    if holds_files(chosen.gate.champion):
        from components.evaluate.champion import champion_in

        champion_in(chosen.gate.champion)


def gate_warnings(chosen: Params) -> Iterator[str]:
    """Yield a sentence for each pair of parameters with which a run succeeds but its model can hardly pass the gate."""
    aim, floor = chosen.assemble.sensitivity, chosen.gate.min_sensitivity
    if aim < floor:
        yield (
            f"assemble.sensitivity is {aim:g}, and the gate refuses less than gate.min_sensitivity, {floor:g}: the "
            "model will hardly pass; raise the one or lower the other"
        )


def holds_files(folder: str) -> bool:
    """Whether a champion's folder holds anything but notes."""
    return Path(folder).is_dir() and bool({path.name for path in Path(folder).iterdir()} - set(NOTES))


def check_addresses(chosen: Params) -> None:
    """Refuse addresses of kinds that the stages can't use, and a Git remote that Git does not know."""
    for parameter, address in (
        ("convert.storage", chosen.convert.storage),
        ("training.checkpoints", chosen.training.checkpoints),
    ):
        if address and "://" in address and not address.startswith("gs://"):
            raise UserError(f"params.yaml: {parameter}: {address}: give a folder, or gs://bucket/prefix")
    if "://" in chosen.training.cache:
        raise UserError(f"params.yaml: training.cache: {chosen.training.cache}: give a folder of this machine")
    remote = chosen.registry.git_remote
    if remote and not any(sign in remote for sign in ":/"):  # otherwise an address or a path, for Git to report
        known = [remote]
        with suppress(GitError):  # without a repository nothing is registered
            known = git("remote").split()
        if remote not in known:
            raise UserError(
                f"params.yaml: registry.git_remote: {remote}: Git knows {', '.join(known) or 'no remote'}; name one "
                f"of these, or `git remote add {remote} ADDRESS`"
            )
