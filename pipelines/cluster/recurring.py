"""Schedule recurring runs of the compiled pipeline in Kubeflow Pipelines."""

from __future__ import annotations

from pathlib import Path

import kfp
from kfp_server_api import ApiException
from urllib3.exceptions import HTTPError

from components.common.errors import UserError

NAME = "glioflow"


def recur(host: str, pipeline: Path, cron: str, account: str | None) -> str:
    """Create a recurring run in Kubeflow; returns its id.

    Args:
        host: address of the Kubeflow Pipelines API.
        pipeline: file written by `glioflow compile kubeflow`.
        cron: schedule with six fields, seconds first, as Kubeflow requires.
        account: Kubernetes service account of the pods; None for the cluster's default.

    Raises:
        UserError: the API can't be reached, or rejects the request.
    """
    try:
        client = kfp.Client(host=host)
        experiment = client.create_experiment(NAME)
        made = client.create_recurring_run(
            experiment_id=experiment.experiment_id,
            job_name=f"{NAME}-recurring",
            cron_expression=cron,
            pipeline_package_path=str(pipeline),
            max_concurrency=1,  # one at a time, and no catching up on missed ones
            no_catchup=True,
            service_account=account,
        )
    except (ApiException, HTTPError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"{host}: no Kubeflow Pipelines API answers there ({reason}); check the address") from error
    return str(made.recurring_run_id)
