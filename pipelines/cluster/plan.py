"""What a run on a cluster starts from: the commit, and which stages need a pod."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dvc.repo import Repo
from dvc.stage import PipelineStage

from pipelines.cluster.dag import in_kubernetes, steps
from pipelines.cluster.pod_run import Run
from pipelines.cluster.run_store import Result, entries, result_here

UNCHANGED, UNUSED = "nothing new", "not part of this workflow"


@dataclass(frozen=True)
class Plan:
    """What a run starts from.

    Attributes:
        commit: the commit that its pods check out.
        stages: stage of dvc.yaml to whether it needs a pod.
    """

    commit: str
    stages: dict[str, bool]

    def write(self, folder: Path) -> None:
        """Write it for Argo: a file `commit` and, by the name that `Step` gives it, one per stage: true or false."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "commit").write_text(self.commit, encoding="utf-8")
        for stage, needed in self.stages.items():
            (folder / in_kubernetes(stage)).write_text(str(needed).lower(), encoding="utf-8")


def to_run(run: Run) -> dict[str, bool]:
    """Stage to whether it needs a pod; the results of those that do not are stored."""
    order = steps()
    needed: dict[str, bool] = {}
    with Repo() as repo, repo.lock:
        every = [stage.name for stage in repo.index.stages if stage.cmd]
        for each in order:
            (stage,) = repo.stage.collect(each.stage)
            needed[each.stage] = any(needed[name] for name in each.needs) or is_new(repo, stage)
            if not needed[each.stage]:
                run.store.put(each.stage, result_here([each.stage], kept_in_git(stage), UNCHANGED))
    for name in set(every) - set(needed):
        run.store.put(name, Result(done=UNUSED))
    return {name: needed.get(name, False) for name in every}


def is_new(repo: Repo, stage: PipelineStage) -> bool:
    """Whether a stage has changed since the results that this clone knows."""
    # Without an entry in dvc.lock, and without dependencies, DVC would not see anything that has changed.
    if stage.addressing not in entries():
        return True
    # Missing inputs are compared by what the earlier stages recorded about them.
    return stage.changed(allow_missing=True, upstream=list(repo.index.graph.successors(stage)))


def kept_in_git(stage: PipelineStage) -> list[str]:
    """The outputs of a stage that DVC does not cache."""
    return [str(out) for out in stage.outs if not out.use_cache]
