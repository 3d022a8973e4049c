"""One pod of the Argo workflow: image, credentials, resources, retries."""

from __future__ import annotations

from typing import Any

from hera.workflows import Container, Env, Parameter, Resources, SecretVolume
from hera.workflows import models as m

from pipelines.cluster import dag

WORK = "/workspace"
COMMIT = f"{WORK}/commit"
STORAGE = "{{workflow.parameters.storage}}"
SMALL = dag.Resources(cpu=1, memory="2Gi")
# 143 is SIGTERM, 137 SIGKILL: both occur when a node is taken away. A pod killed for its memory would be killed again,
# and what glioflow refuses, with exit status 2, it would refuse again.
PREEMPTED = (
    'lastRetry.status == "Error" || '
    '(asInt(lastRetry.exitCode) in [137, 143] && !(lastRetry.message contains "OOMKilled"))'
)
# The image provides the packages; the code is the commit's, because that is what DVC hashes.
CLONE = """\
git clone --quiet -- "$REPOSITORY" glioflow
cd glioflow
git checkout --quiet "$REVISION"
export PYTHONPATH="$PWD"
"""
GPU_NODES: dict[str, Any] = {
    "node_selector": {"glioflow/pool": "gpu"},
    "tolerations": [m.Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")],
}


def pod(name: str, line: str, asks: dag.Resources, *, revision: str | None = None, writes: bool = False) -> Container:
    """Template of a pod that runs `line` in a clone of the repository.

    Args:
        name: name of the template.
        line: command line.
        asks: requested cores, memory and GPUs.
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
        # A missing token is not an error: the repository may be public, or the version kept local.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": "store --file=/secrets/git/credentials",
        "HOME": WORK,
        "TMPDIR": WORK,
    }
    return Container(
        name=name,
        image="{{workflow.parameters.gpu-image}}" if asks.gpu else "{{workflow.parameters.image}}",
        command=["sh", "-euc"],
        args=[f"{CLONE}exec {line}\n"],
        working_dir=WORK,
        inputs=[] if revision else [Parameter(name="commit")],
        env=[Env(name=key, value=value) for key, value in variables.items()],
        resources=Resources(
            cpu_request=asks.cpu, memory_request=asks.memory, memory_limit=asks.memory, gpus=asks.gpu or None
        ),
        security_context=m.SecurityContext(
            allow_privilege_escalation=False, capabilities=m.Capabilities(drop=["ALL"]), run_as_non_root=True
        ),
        volumes=[
            SecretVolume(
                name="git",
                secret_name=f"glioflow-git-{'write' if writes else 'read'}",
                mount_path="/secrets/git",
                optional=True,
                default_mode=0o440,
                read_only=True,
            )
        ],
        volume_mounts=[m.VolumeMount(name="workspace", mount_path=WORK)],
        retry_strategy=m.RetryStrategy(
            limit=m.IntOrString(5),
            retry_policy="Always",
            expression=PREEMPTED,
            backoff=m.Backoff(duration="1m", factor=m.IntOrString(2), max_duration="1h"),
        ),
        # Time to write a checkpoint; Kubernetes grants as much of it as the node still has.
        pod_spec_patch="terminationGracePeriodSeconds: 120",
        **(GPU_NODES if asks.gpu else {}),
    )
