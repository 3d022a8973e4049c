"""The workflow for Argo: a WorkflowTemplate with one pod per stage, and a CronWorkflow that runs it; uses Hera."""

from __future__ import annotations

from collections.abc import Iterable

import yaml
from hera.workflows import DAG, CronWorkflow, Parameter, Task, WorkflowTemplate
from hera.workflows import models as m

from pipelines.cluster.argo_pod import COMMIT, SMALL, WORK, pod
from pipelines.cluster.dag import Step

NAME = "glioflow"
ACCOUNT = "glioflow-runner"  # infra/terraform defines its permissions
DAY = 24 * 3600  # seconds
# Whatever differs between sites is a parameter of the workflow, so that nobody has to edit a generated file.
PARAMETERS = {
    "repository": ("https://git.example.org/glioflow.git", "Git repository with dvc.yaml"),
    "revision": ("main", "branch, tag or commit of it"),
    "settings": ("scale=full registry.git_remote=origin", "parameters that differ from params.yaml: NAME=VALUE ..."),
    "storage": ("gs://example-glioflow", "bucket, or bucket/prefix, that all pods reach"),
    "branch": ("glioflow/results", "branch that results are added to"),
    "image": ("example/glioflow:0.1.0", "image of the pods without GPU"),
    "gpu-image": ("example/glioflow-gpu:0.1.0", "image of the trainings"),
}


def manifests(order: list[Step]) -> dict[str, str]:
    """Map file names to the text of everything in infra/argo."""
    made = {"workflow-template.yaml": template(order), "cron-workflow.yaml": cron()}
    head = "# Made from dvc.yaml by `glioflow compile argo`; change that, or pipelines/cluster, and compile again.\n"
    return {
        name: head + yaml.safe_dump(workflow.to_dict(), sort_keys=False, width=120) for name, workflow in made.items()
    }


def template(order: list[Step]) -> WorkflowTemplate:
    """One task per stage, in the graph's own order, between `prepare` and `publish`."""
    with WorkflowTemplate(
        name=NAME,
        entrypoint="workflow",
        arguments=[Parameter(name=name, value=value, description=why) for name, (value, why) in PARAMETERS.items()],
        service_account_name=ACCOUNT,
        # Manual and scheduled runs take turns, because both add to one branch.
        synchronization=m.Synchronization(mutexes=[m.Mutex(name=NAME)]),
        security_context=m.PodSecurityContext(
            run_as_non_root=True,
            run_as_user=1000,
            fs_group=1000,
            seccomp_profile=m.SeccompProfile(type="RuntimeDefault"),
        ),
        volumes=[m.Volume(name=WORK.strip("/"), empty_dir=m.EmptyDirVolumeSource())],
        pod_gc=m.PodGC(strategy="OnPodSuccess"),
        ttl_strategy=m.TTLStrategy(seconds_after_completion=14 * DAY),
    ) as workflow:
        prepare = pod("prepare", f"glioflow pod prepare > {COMMIT}", SMALL, revision="{{workflow.parameters.revision}}")
        prepare.outputs = [Parameter(name="commit", value_from=m.ValueFrom(path=COMMIT))]
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
                tasks[step.stage] = Task(name=step.name, template=pods[step.stage], arguments=[commit])
                _after(tasks[step.stage], [tasks[name] for name in step.needs] or [first])
            last = Task(name="publish", template=publish, arguments=[commit])
            _after(last, [tasks[order[-1].stage]])
    return workflow


def _after(task: Task, needs: Iterable[Task]) -> None:
    for needed in needs:
        needed.next(task)


def cron() -> CronWorkflow:
    """Every night: clone, run what is new, add the result to its branch, register a model that passed the gate."""
    return CronWorkflow(
        name=f"{NAME}-nightly",
        schedules=["0 2 * * *"],
        timezone="Europe/Berlin",
        concurrency_policy="Forbid",
        starting_deadline_seconds=3600,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=3,
        workflow_template_ref=m.WorkflowTemplateRef(name=NAME),
        active_deadline_seconds=DAY - 3600,
    )
