"""A run of the workflow on a cluster, as each of its pods sees it, and the DVC that pods call."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from dvc.repo import Repo

from components.common import params
from components.common.errors import TransientError, UserError
from components.io.storage import Storage
from pipelines.cluster.run_store import RunStore
from pipelines.processes.forwarding import run_forwarding_signals
from pipelines.runs import workflow

ORIGIN = "origin"  # Git's name for the repository that a pod was cloned from
TRANSFERS = {"pull", "push"}  # they only move data, and may be repeated


@dataclass(frozen=True)
class Run:
    """One run of the workflow on a cluster.

    Attributes:
        name: name of the run, the same in all its pods.
        storage: address that all pods reach, for DVC's data and their results, e.g. gs://bucket/prefix.
        settings: parameters that differ from params.yaml, NAME=VALUE each.
        branch: branch of results, from which a run starts and to which it adds.
    """

    name: str
    storage: str
    settings: tuple[str, ...]
    branch: str

    @property
    def store(self) -> RunStore:
        """Where its pods leave results."""
        return RunStore(f"{self.storage.rstrip('/')}/runs/{self.name}")

    def enter(self) -> None:
        """Prepare this process's clone: set the run's parameters, and a DVC remote if it has none."""
        if self.settings:
            workflow.apply(list(self.settings), ready=False)  # most pods never read the source
        if params.load().registry.git_remote is None:  # this clone is thrown away, and its tags would be lost
            workflow.apply([f"registry.git_remote={ORIGIN}"], ready=False)
        with Repo() as repo:
            named = repo.config["core"].get("remote")
        if not named:
            dvc(self, "remote", "add", "--quiet", "--local", "--default", "run", f"{self.storage.rstrip('/')}/dvc")


def dvc(run: Run, *arguments: str) -> None:
    """Run the DVC of this environment; a transfer that fails although the stores answer is tried once more.

    Raises:
        TransientError: it failed, and a store does not answer.
        UserError: it failed; its own output says why.
    """
    for _ in range(2 if arguments[0] in TRANSFERS else 1):
        if not run_forwarding_signals([sys.executable, "-m", "dvc", *arguments]):
            return
        _reach(run)
    raise UserError(f"dvc {arguments[0]}: failed; the lines above say why")


def _reach(run: Run) -> None:
    """Raise TransientError if one of the stores that a run needs does not answer."""
    with Repo() as repo:
        named = repo.config["core"].get("remote")
        remotes = [repo.config["remote"][named]["url"]] if named else []
    for address in {run.storage, *remotes}:
        try:
            Storage(address).check()
        except TransientError:
            raise
        except UserError:  # it answers, if only with a refusal, which DVC has reported
            continue
