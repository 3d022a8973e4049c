"""One pod of the Argo workflow: image, credentials, resources, retries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hera.workflows import Container, EmptyDirVolume, Env, Parameter, Resources, SecretVolume
from hera.workflows import models as m

from pipelines.cluster import clone, dag

WORK = "/workspace"
START = f"{WORK}/start"  # folder in which `prepare` leaves what the other pods, and Argo, have to know
STORAGE = "{{workflow.parameters.storage}}"
SMALL = dag.Resources(cpu=1, memory="2Gi", disk="4Gi")
# Failures after which another attempt may succeed. -1: the pod was evicted or its node is gone, so its exit status is
# unknown; 75: a server was unreachable (components/common/faults.py); 137 is SIGKILL, 143 SIGTERM: a node was taken
# away. A pod killed for its memory, or evicted because it filled its own disk space, would be killed again; what
# glioflow refuses, with exit status 2, it would refuse again. docs/how-to/clusters.md has the table.
RETRIED = (
    'lastRetry.status == "Error" || (asInt(lastRetry.exitCode) in [-1, 75, 137, 143]'
    ' && indexOf(lastRetry.message, "OOMKilled") == -1'
    ' && indexOf(lastRetry.message, "exceeds the limit") == -1'
    ' && indexOf(lastRetry.message, "exceeds the total limit") == -1'
    ' && indexOf(lastRetry.message, "exceeded its local ephemeral storage limit") == -1)'
)
# A count alone: a time limit would run from the first attempt, and a long training could use it up.
RETRIES = m.RetryStrategy(
    limit=m.IntOrString(20),
    retry_policy="Always",
    expression=RETRIED,
    backoff=m.Backoff(duration="1m", factor=m.IntOrString(2), cap="10m"),
)
# A pod that has done its work is deleted, and its log with it.
LOGS = m.ArtifactLocation(
    archive_logs=True,
    gcs=m.GCSArtifact(bucket="{{workflow.parameters.logs}}", key="logs/{{workflow.name}}/{{pod.name}}"),
)
GPU_NODES: dict[str, Any] = {
    "node_selector": {"glioflow/pool": "gpu"},
    "tolerations": [m.Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")],
}
# The root is read-only, so everything else is written here. DVC's site cache is in /var/tmp otherwise.
FOLDERS = {"HOME": WORK, "TMPDIR": WORK, "DVC_SITE_CACHE_DIR": f"{WORK}/dvc-site"}


def pod(name: str, line: str, asks: dag.Resources, *, revision: str | None = None, writes: bool = False) -> Container:
    """Template of a pod that runs `line` in a clone of the repository.

    Args:
        name: name of the template.
        line: command line.
        asks: requested cores, memory, disk space and GPUs.
        revision: revision to check out; None for the commit found by `prepare`.
        writes: whether it may push to the Git repository.
    """
    variables = {
        "REPOSITORY": "{{workflow.parameters.repository}}",
        "REVISION": revision or "{{inputs.parameters.commit}}",
        "GLIOFLOW_RUN": "{{workflow.uid}}",
        "GLIOFLOW_STORAGE": STORAGE,
        "GLIOFLOW_SETTINGS": f"training.checkpoints={STORAGE}/checkpoints {{{{workflow.parameters.settings}}}}",
        "GLIOFLOW_BRANCH": "{{workflow.parameters.branch}}",
        **clone.CREDENTIALS,
    }
    secret = SecretVolume(
        name="git",
        secret_name=f"glioflow-git-{'write' if writes else 'read'}",
        mount_path=clone.SECRETS,
        optional=True,
        default_mode=0o440,
        read_only=True,
    )
    environment = [Env(name=key, value=value) for key, value in variables.items()]
    made = container(name, f"{clone.SCRIPT}exec {line}\n", asks, environment, [secret])
    made.inputs = [] if revision else [Parameter(name="commit")]
    return made


def container(
    name: str, script: str, asks: dag.Resources, variables: list[Any], volumes: Sequence[SecretVolume] = ()
) -> Container:
    """Template of a pod that runs a shell script in an empty folder.

    Args:
        name: name of the template.
        script: lines for `sh -eu`.
        asks: requested cores, memory, disk space and GPUs.
        variables: environment variables.
        volumes: volumes besides its own folders.
    """
    return Container(
        name=name,
        image="{{workflow.parameters.gpu-image}}" if asks.gpu else "{{workflow.parameters.image}}",
        command=["sh", "-euc"],
        args=[script],
        working_dir=WORK,
        env=[*variables, *(Env(name=key, value=value) for key, value in FOLDERS.items())],
        resources=Resources(
            cpu_request=asks.cpu,
            memory_request=asks.memory,
            memory_limit=asks.memory,
            ephemeral_request=asks.disk,
            ephemeral_limit=asks.disk,
            gpus=asks.gpu or None,
        ),
        security_context=m.SecurityContext(
            allow_privilege_escalation=False,
            capabilities=m.Capabilities(drop=["ALL"]),
            read_only_root_filesystem=True,
            run_as_non_root=True,
        ),
        volumes=[
            _scratch("workspace", asks.disk, WORK),
            _scratch("tmp", "1Gi", "/tmp"),  # noqa: S108  for what does not heed TMPDIR
            *volumes,
        ],
        archive_location=LOGS,
        retry_strategy=RETRIES,
        # Time to write a checkpoint; Kubernetes grants as much of it as the node still has.
        pod_spec_patch="terminationGracePeriodSeconds: 120",
        **(GPU_NODES if asks.gpu else {}),
    )


def _scratch(name: str, limit: str, place: str) -> EmptyDirVolume:
    return EmptyDirVolume(name=name, size_limit=m.Quantity(limit), mount_path=place)
