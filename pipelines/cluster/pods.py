"""What each pod of a run does in its own clone: `prepare` first, one `step` per stage, `publish` last.

Data passes through DVC's remote and the rest through `RunStore`, so pods share nothing but a bucket.
"""

from __future__ import annotations

import time
from pathlib import Path

from dvc.repo import Repo

from components.common.errors import TransientError, UserError
from components.registry.git import GitError, git
from components.registry.snapshot import snapshot
from pipelines.cluster.dag import before, steps
from pipelines.cluster.plan import UNCHANGED, UNUSED, Plan, is_new, kept_in_git, to_run
from pipelines.cluster.pod_run import ORIGIN, Run, dvc
from pipelines.cluster.run_store import LOCK, Result, result_here
from pipelines.runs import times

START = "start"  # the run store's entry for the state before the run
RAN, RESTORED = "ran", "restored from the run cache"


def prepare(run: Run) -> Plan:
    """Fix the starting point of the whole run: the commit, because branches may move meanwhile, and what has to run.

    It starts from the results of the last run, so that patients keep their splits and nothing is done twice. If
    neither a stage nor any before it has anything new, it gets its result here, and needs no pod.

    Raises:
        UserError: the branch of results has a name that no branch can have, or a parameter is wrong.
    """
    _check_branch(run.branch)
    commit, tip = git("rev-parse", "HEAD"), _tip(run.branch)
    run.enter()
    with Repo() as repo:
        names, files = [stage.addressing for stage in repo.index.stages], _uncached(repo)
        if tip and not _is_ancestor(tip, commit):  # otherwise the commit contains its results, and perhaps newer ones
            kept = git("ls-tree", "-r", "--name-only", tip, "--", str(LOCK), *files).splitlines()
            git("checkout", tip, "--", *kept)
        found = result_here(names, files)
    run.store.put(START, Result(found.stages, found.files, tip))
    return Plan(commit, to_run(run))


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
        changed, uncached, needed = is_new(repo, stage), kept_in_git(stage), [str(dep) for dep in stage.deps]
        inputs = [
            str(out) for out in repo.index.outs if out.use_cache and any(_overlaps(str(out), dep) for dep in needed)
        ]
        inputs += [str(out) for out in stage.outs if out.persist and out.hash_info]  # which the stage continues from
    done = _do(run, name, inputs) if changed else UNCHANGED
    run.store.put(name, result_here([name], uncached, done))
    return done


def _do(run: Run, name: str, inputs: list[str]) -> str:
    if inputs:
        dvc(run, "pull", "--run-cache", *inputs)
    began = time.time()
    try:
        dvc(run, "repro", "--single-item", "--pull", name)
    except UserError as error:
        if times.failed_transiently(name, began):
            raise TransientError(f"{name}: failed with a transient error; the lines above say why") from error
        raise
    dvc(run, "push", "--run-cache", name)
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


def _check_branch(name: str) -> None:
    """Refuse an invalid branch name before the run rather than when its results are pushed."""
    try:
        git("check-ref-format", f"refs/heads/{name}")
    except GitError as error:
        raise UserError(
            f"branch: {name!r} is no name that a branch can have; correct the parameter `branch`"
        ) from error


def _uncached(repo: Repo) -> list[str]:
    """Outputs kept in Git rather than DVC."""
    return [str(out) for out in repo.index.outs if not out.use_cache]


def _tip(branch: str) -> str | None:
    """Fetch a branch from the remote and return its commit; None if there is no such branch."""
    if not git("ls-remote", ORIGIN, f"refs/heads/{branch}"):
        return None
    git("fetch", "--quiet", ORIGIN, f"refs/heads/{branch}")
    return git("rev-parse", "FETCH_HEAD")


def _is_ancestor(ancestor: str, commit: str) -> bool:
    """Return whether a commit's history contains `ancestor`; False for unrelated histories."""
    # Not merge-base, which reports unrelated histories only by its exit status.
    return not git("rev-list", "--max-count=1", ancestor, f"^{commit}")


def _overlaps(output: str, dependency: str) -> bool:
    """Return whether the paths are equal or one contains the other."""
    return f"{dependency}/".startswith(f"{output}/") or f"{output}/".startswith(f"{dependency}/")
