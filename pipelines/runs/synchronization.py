"""Before an unattended run: code, results, scans and the ledger of the remotes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.common import yaml_text
from components.common.errors import UserError
from components.registry.git import git
from pipelines.checks import data_sources, recorded_ledger
from pipelines.checks.data_sources import State
from pipelines.paths import LEDGER
from pipelines.processes.forwarding import run_forwarding_signals
from pipelines.runs.workflow import PARAMS, dvc


def pull() -> None:
    """Fetch code and results from the remotes, and check out the scans and the ledger of the new commit.

    Scans and ledgers that were changed here stay, and are never overwritten.

    Raises:
        UserError: Git or DVC fails, or both sides have changed the same scans; then nothing was pulled.
    """
    tree = _params()
    for found in data_sources.differences(tree):
        if found.state is State.MIXED:
            raise UserError(data_sources.refusal(found))
        if found.state is State.EDITED:
            _check_upstream(found.path, found.pointer)
    do("git", "pull", "--quiet", "--ff-only")
    do(dvc(), "fetch", "--quiet", "--run-cache")
    for found in data_sources.differences(_params()):
        if found.state in (State.OTHER, State.MISSING):
            _check_out(found.pointer, found.pointer, there=data_sources.is_cached(found.pointer))
    recorded = recorded_ledger.recorded_hash()
    if recorded and recorded_ledger.is_behind(recorded):
        _check_out(LEDGER, recorded_ledger.LOCK, there=recorded_ledger.cached_ledger(recorded).is_file())


def _check_out(target: Path, names: Path | str, *, there: bool) -> None:
    if not there:  # DVC would remove what is here
        raise UserError(
            f"{names}: names a version of {target} that neither DVC's cache nor the remote holds; somebody who has it "
            f"can run `dvc push {target}`"
        )
    do(dvc(), "checkout", "--quiet", str(target))


def do(*command: str) -> None:
    """Run a command; raises UserError if it fails."""
    if run_forwarding_signals(command):
        raise UserError(f"{' '.join(command[:2])}: failed; the lines above say why")


def _params() -> dict[str, Any]:
    tree: dict[str, Any] = yaml_text.read_yaml(PARAMS, "not here; run glioflow inside the project")
    return tree


def _check_upstream(path: str, pointer: Path) -> None:
    """Refuse to pull over scans that have changed here and upstream."""
    do("git", "fetch", "--quiet")
    if git("diff", "--name-only", "HEAD...@{upstream}", "--", str(pointer)):
        raise UserError(
            f"{path}: changed here and, in {pointer}, upstream; nothing was pulled. Record what is here with "
            f"`dvc commit --force {pointer}`, commit that, and merge by hand"
        )
