"""What each pod of a run does in its own clone: `prepare` first, one `step` per stage, `publish` last.

Data passes through DVC's remote and the rest through `RunStore`, so pods share nothing but a bucket.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from dvc.repo import Repo

from components.common import params
from components.common.errors import UserError
from components.registry.git import git
from components.registry.snapshot import snapshot
from pipelines import times, workflow
from pipelines.cluster.dag import before, steps
from pipelines.cluster.run_store import LOCK, Result, RunStore, result_here
from pipelines.forwarding import run_forwarding_signals

ORIGIN = "origin"  # Git's name for the repository that a pod was cloned from
START = "start"  # the run store's entry for the state before the run
UNCHANGED, RAN, RESTORED, UNUSED = "nothing new", "ran", "restored from the run cache", "not part of this workflow"


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
            dvc("remote", "add", "--quiet", "--local", "--default", "run", f"{self.storage.rstrip('/')}/dvc")


def dvc(*arguments: str) -> None:
    """Run the DVC of this environment.

    Raises:
        UserError: it failed; its own output says why.
    """
    if run_forwarding_signals([sys.executable, "-m", "dvc", *arguments]):
        raise UserError(f"dvc {arguments[0]}: failed; the lines above say why")


def prepare(run: Run) -> str:
    """Fix the starting point of the whole run, and return the commit: branches may move while pods work.

    It starts from the results of the last run, so that patients keep their splits and nothing is done twice.
    """
    commit, tip = git("rev-parse", "HEAD"), _tip(run.branch)
    with Repo() as repo:
        names, files = [stage.addressing for stage in repo.index.stages], _uncached(repo)
        if tip and not _holds(commit, tip):  # otherwise the commit contains its results, and perhaps newer ones
            kept = git("ls-tree", "-r", "--name-only", tip, "--", str(LOCK), *files).splitlines()
            git("checkout", tip, "--", *kept)
        found = result_here(names, files)
    run.store.put(START, Result(found.stages, found.files, tip))
    return commit


def step(run: Run, name: str) -> str:
    """Run one stage, unless an earlier run did so with the same inputs; returns in words what was done."""
    run.enter()
    order = steps()
    if name not in [each.stage for each in order]:
        run.store.put(name, Result(done=UNUSED))
        return UNUSED
    run.store.get(START).apply()
    for earlier in before(order, name):
        run.store.get(earlier).apply()
    with Repo() as repo, repo.lock:
        (stage,) = repo.stage.collect(name)
        # Missing inputs are compared by what the earlier stages recorded about them.
        changed = stage.changed(allow_missing=True, upstream=list(repo.index.graph.successors(stage)))
        needed, uncached = [str(dep) for dep in stage.deps], [str(out) for out in stage.outs if not out.use_cache]
        inputs = [str(out) for out in repo.index.outs if out.use_cache and any(_meet(str(out), dep) for dep in needed)]
        inputs += [str(out) for out in stage.outs if out.persist and out.hash_info]  # which the stage continues from
    done = _do(name, inputs) if changed else UNCHANGED
    run.store.put(name, result_here([name], uncached, done))
    return done


def _do(name: str, inputs: list[str]) -> str:
    if inputs:
        dvc("pull", "--run-cache", *inputs)
    began = time.time()
    dvc("repro", "--single-item", "--pull", name)
    dvc("push", "--run-cache", name)
    return RAN if name in times.last_run(began).seconds else RESTORED


def publish(run: Run) -> dict[str, str]:
    """Add the results to their branch, as one commit of code, parameters, dvc.lock, metrics and model card.

    Returns:
        Stage to what was done about it, in words.

    Raises:
        UserError: another run has published since this one began.
    """
    run.enter()
    start = run.store.get(START)
    start.apply()
    done = {}
    for each in steps():
        result = run.store.get(each.stage)
        result.apply()
        done[each.stage] = str(result.done)
    with Repo() as repo:
        kept = [LOCK, *(Path(file) for file in _uncached(repo))]
    tip, now = start.done, _tip(run.branch)
    commit = snapshot(kept, f"results of run {run.name}", [*([tip] if tip else []), "HEAD"])
    # The same results may be there already: nothing was new, or this pod was killed after its push.
    if not now or git("diff", "--name-only", now, commit):
        if now != tip:
            raise UserError(f"{run.branch}: another run has published since this one began; run again")
        git("push", "--quiet", ORIGIN, f"{commit}:refs/heads/{run.branch}")
    run.store.remove()
    return done


def _uncached(repo: Repo) -> list[str]:
    """Outputs kept in Git rather than DVC."""
    return [str(out) for out in repo.index.outs if not out.use_cache]


def _tip(branch: str) -> str | None:
    """Fetch a branch from the remote and return its commit; None if there is no such branch."""
    if not git("ls-remote", ORIGIN, f"refs/heads/{branch}"):
        return None
    git("fetch", "--quiet", ORIGIN, f"refs/heads/{branch}")
    return git("rev-parse", "FETCH_HEAD")


def _holds(commit: str, other: str) -> bool:
    """Return whether a commit's history contains the other one; False for unrelated histories."""
    # Not merge-base, which reports unrelated histories only by its exit status.
    return not git("rev-list", "--max-count=1", other, f"^{commit}")


def _meet(output: str, dependency: str) -> bool:
    """Return whether the paths are equal or one contains the other."""
    return f"{dependency}/".startswith(f"{output}/") or f"{output}/".startswith(f"{dependency}/")
