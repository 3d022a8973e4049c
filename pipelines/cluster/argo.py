"""The workflow for Argo: a WorkflowTemplate with one pod per stage, and a CronWorkflow that runs it; uses Hera."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import yaml
from hera.workflows import DAG, CronWorkflow, Parameter, Task, WorkflowTemplate
from hera.workflows import models as m

from components.common.errors import UserError
from pipelines.cluster import dag
from pipelines.cluster.argo_notify import metrics, notify
from pipelines.cluster.argo_pod import SMALL, START, pod

NAME = "glioflow"
ACCOUNT = "glioflow-runner"  # infra/terraform defines its permissions
EXECUTOR = "glioflow-executor"  # Argo's own containers beside a pod's main one; infra/argo/access.yaml gives its rights
DAY = 24 * 3600  # seconds
SCHEDULE = "0 2 * * *"
# Whatever differs between sites is a parameter of the workflow, so that nobody has to edit a generated file. Those
# without a value have to be given, or Argo starts nothing.
PARAMETERS: dict[str, tuple[str | None, str]] = {
    "repository": (None, "Git repository with dvc.yaml"),
    "revision": ("main", "branch, tag or commit of it"),
    "settings": ("scale=full registry.git_remote=origin", "parameters that differ from params.yaml: NAME=VALUE ..."),
    "storage": (None, "bucket, or bucket/prefix, that all pods reach: gs://..."),
    "logs": (None, "name of the bucket, without gs://, that keeps the pods' logs below logs/"),
    "branch": ("glioflow/results", "branch that results are added to"),
    "image": (None, "image of the pods without GPU, by digest: NAME@sha256:..."),
    "gpu-image": (None, "image of the training stages, by digest"),
}
HEAD = "# Made from dvc.yaml by `glioflow compile argo`; change that, or pipelines/cluster, and compile again.\n"


def manifests(
    order: list[dag.Step], given: Mapping[str, str] | None = None, schedule: str | None = None
) -> dict[str, str]:
    """Map file names to the text of everything in infra/argo that is generated.

    Args:
        order: the stages.
        given: values of parameters, as far as they differ from `PARAMETERS`.
        schedule: cron schedule with five fields; None makes a suspended one.

    Raises:
        UserError: there is no parameter of that name.
    """
    for name in given or {}:
        if name not in PARAMETERS:
            raise UserError(f"{name}: the workflow has no such parameter; choose one of {', '.join(PARAMETERS)}")
    values = {name: (given or {}).get(name, value) for name, (value, _) in PARAMETERS.items()}
    made = {"workflow-template.yaml": template(order, values), "cron-workflow.yaml": cron(schedule)}
    return {
        name: HEAD + yaml.safe_dump(workflow.to_dict(), sort_keys=False, width=120) for name, workflow in made.items()
    }


def template(order: list[dag.Step], values: Mapping[str, str | None]) -> WorkflowTemplate:
    """One task per stage, in the graph's own order, between `prepare` and `publish`."""
    with WorkflowTemplate(
        name=NAME,
        entrypoint="workflow",
        on_exit="on-exit",
        arguments=[_parameter(name, values[name]) for name in PARAMETERS],
        service_account_name=ACCOUNT,
        # The main container talks to the cloud, by workload identity, and not to Kubernetes.
        automount_service_account_token=False,
        executor=m.ExecutorConfig(service_account_name=EXECUTOR),
        # Manual and scheduled runs take turns, because both add to one branch.
        synchronization=m.Synchronization(mutexes=[m.Mutex(name=NAME)]),
        security_context=m.PodSecurityContext(
            run_as_non_root=True,
            run_as_user=1000,
            fs_group=1000,
            seccomp_profile=m.SeccompProfile(type="RuntimeDefault"),
        ),
        pod_gc=m.PodGC(strategy="OnPodSuccess"),
        ttl_strategy=m.TTLStrategy(seconds_after_completion=14 * DAY),
        metrics=metrics(),
    ) as workflow:
        prepare = pod(
            "prepare", f"glioflow pod prepare --out {START}", SMALL, revision="{{workflow.parameters.revision}}"
        )
        prepare.outputs = [
            _output_parameter("commit"),
            *(_output_parameter(step.name, default="true") for step in order),
        ]
        # It pushes the registry's tags and the branch of results; all other pods only read.
        pods = {
            step.stage: pod(step.name, f"glioflow pod step {step.stage}", step.resources, writes=step == order[-1])
            for step in order
        }
        publish = pod("publish", "glioflow pod publish", SMALL, writes=True)
        with DAG(name="workflow"):
            first = Task(name="prepare", template=prepare)
            commit = first.get_parameter("commit")
            tasks: dict[str, Task] = {}
            for step in order:
                new = f"{{{{tasks.prepare.outputs.parameters.{step.name}}}}} == true"
                tasks[step.stage] = Task(name=step.name, template=pods[step.stage], arguments=[commit], when=new)
                _after(tasks[step.stage], [tasks[name] for name in step.needs] or [first])
            last = Task(name="publish", template=publish, arguments=[commit])
            _after(last, [tasks[order[-1].stage]])
        notice = notify()
        with DAG(name="on-exit"):
            Task(name="notify", template=notice, when='"{{workflow.status}}" != "Succeeded"')
    return workflow


def _parameter(name: str, value: str | None) -> Parameter:
    why = PARAMETERS[name][1]
    # None would be taken for a value.
    return (
        Parameter(name=name, description=why) if value is None else Parameter(name=name, value=value, description=why)
    )


def _after(task: Task, needs: Iterable[Task]) -> None:
    for needed in needs:
        needed.next(task)


def _output_parameter(name: str, default: str | None = None) -> Parameter:
    """Parameter that `prepare` writes to a file of that name; a stage that its commit lacks reports that itself."""
    return Parameter(name=name, value_from=m.ValueFrom(path=f"{START}/{name}", default=default))


def cron(schedule: str | None) -> CronWorkflow:
    """Return the schedule of runs: clone, run what is new, add the result to its branch, register a blessed model.

    Args:
        schedule: cron schedule with five fields; None gives a suspended CronWorkflow with the schedule `SCHEDULE`.
    """
    return CronWorkflow(
        name=f"{NAME}-nightly",
        schedules=[schedule or SCHEDULE],
        timezone="Europe/Berlin",
        cron_suspend=schedule is None,
        concurrency_policy="Forbid",
        starting_deadline_seconds=3600,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=3,
        workflow_template_ref=m.WorkflowTemplateRef(name=NAME),
        active_deadline_seconds=DAY - 3600,
    )
