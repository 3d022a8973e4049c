"""The workflow as a graph of steps, read from dvc.yaml by DVC itself: the source of every engine's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import networkx
from dvc.exceptions import DvcException
from dvc.repo import Repo
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.common.errors import UserError
from pipelines import dvc_errors

TARGET = "push"  # the final stage, which all others lead to


class Resources(BaseModel):
    """Resources that a stage requests from a cluster, its `meta: resources:` in dvc.yaml.

    Attributes:
        cpu: number of cores.
        memory: Kubernetes quantity, e.g. 16Gi.
        disk: Kubernetes quantity; space for the clone and for the stage's inputs and outputs.
        gpu: number of GPUs.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    cpu: int = Field(ge=1)
    memory: str = Field(pattern=r"^[1-9][0-9]*[MG]i$")
    disk: str = Field(default="20Gi", pattern=r"^[1-9][0-9]*[MG]i$")
    gpu: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Step:
    """A stage of dvc.yaml.

    Attributes:
        stage: its name there, e.g. train@segmenter.
        needs: names of the stages directly before it.
        resources: resources that it requests.
        inputs: paths that it reads and other stages write.
        outputs: paths that it writes.
    """

    stage: str
    needs: tuple[str, ...]
    resources: Resources
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name in a form that Kubernetes allows."""
        return in_kubernetes(self.stage)


def in_kubernetes(stage: str) -> str:
    """A stage's name in a form that Kubernetes allows."""
    return stage.replace("@", "-")


def steps(folder: Path | str = ".") -> list[Step]:
    """The stages that `push` needs, with the current params.yaml, each after those it needs.

    Raises:
        UserError: dvc.yaml can't be read, or a stage does not declare its resources.
    """
    try:
        with Repo(str(folder)) as repo:
            stages = {stage.name: stage for stage in repo.index.stages if stage.cmd}
            graph = networkx.DiGraph(
                (stage.name, needed.name) for stage, needed in repo.index.graph.edges if needed.cmd
            )
    except DvcException as error:
        raise UserError(f"{dvc_errors.in_words(error)}; correct it") from error
    graph.add_nodes_from(stages)
    wanted = graph.subgraph({TARGET, *networkx.descendants(graph, TARGET)})
    direct = networkx.transitive_reduction(wanted)
    order = list(networkx.lexicographical_topological_sort(direct.reverse()))
    written = {out.def_path for name in order for out in stages[name].outs}
    return [
        Step(
            name,
            tuple(sorted(direct.successors(name))),
            _resources(name, stages[name].meta),
            tuple(sorted(written & {dep.def_path for dep in stages[name].deps})),
            tuple(sorted(out.def_path for out in stages[name].outs)),
        )
        for name in order
    ]


def before(order: list[Step], stage: str) -> list[str]:
    """The stages among `order` on which a stage depends, directly or indirectly."""
    needs = {step.stage: step.needs for step in order}
    found = set(needs[stage])
    for step in reversed(order):
        if step.stage in found:
            found.update(step.needs)
    return [step.stage for step in order if step.stage in found]


def _resources(stage: str, meta: dict | None) -> Resources:
    try:
        return Resources.model_validate((meta or {}).get("resources"))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(["meta.resources", *(str(part) for part in problem["loc"])])
        raise UserError(
            f"dvc.yaml: {stage}: {where}: {problem['msg']}; write e.g. meta: {{resources: {{cpu: 4, memory: 16Gi}}}}"
        ) from error
