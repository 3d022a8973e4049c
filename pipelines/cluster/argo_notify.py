"""How a run on Argo reports its end: the pod that posts a notice, and metrics."""

from __future__ import annotations

from hera.workflows import Container, Env, SecretEnv
from hera.workflows import models as m

from pipelines.cluster import dag
from pipelines.cluster.argo_pod import container


def notify() -> Container:
    """The pod that reports a failed run to a webhook, with the image's code: the repository may be unreachable."""
    return container(
        "notify",
        "exec glioflow notify\n",
        dag.Resources(cpu=1, memory="512Mi", disk="1Gi"),
        [
            SecretEnv(name="GLIOFLOW_WEBHOOK", secret_name="glioflow-webhook", secret_key="url", optional=True),  # noqa: S106
            Env(name="GLIOFLOW_RUN", value="{{workflow.name}}"),
            Env(name="GLIOFLOW_STATUS", value="{{workflow.status}}"),
            Env(name="GLIOFLOW_FAILURES", value="{{workflow.failures}}"),
        ],
    )


def metrics() -> m.Metrics:
    """What alerts can be built on: how runs ended, and how long they took."""
    status = [m.MetricLabel(key="status", value="{{workflow.status}}")]
    return m.Metrics(
        prometheus=[
            m.Prometheus(name="glioflow_runs", help="Runs by their end.", labels=status, counter=m.Counter(value="1")),
            m.Prometheus(
                name="glioflow_run_seconds",
                help="Duration of the last run.",
                labels=status,
                gauge=m.Gauge(value="{{workflow.duration}}", realtime=False),
            ),
        ]
    )
