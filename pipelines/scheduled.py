"""An unattended run: started by a timer, beside other runs, with its outcome in one line."""

from __future__ import annotations

import time

from components.common.errors import UserError
from pipelines import run_lock, times, workflow
from pipelines.forwarding import run_forwarding_signals


def run(*, sync: bool) -> tuple[int, str]:
    """Run the workflow unless another run is working here.

    Args:
        sync: whether to fetch code from the Git remote and results from the DVC remote first, and push new ones
            afterwards.

    Returns:
        Exit status, and the outcome in words. Yielding to another run is not a failure.
    """
    workflow.require_repository()
    try:
        with run_lock.alone():  # code and dvc.lock must not change, and only one run is pushed
            return _run(sync)
    except run_lock.UnderWayError as other:
        return 0, f"{other}; this one yields"


def _run(sync: bool) -> tuple[int, str]:
    if sync:
        _do("git", "pull", "--quiet", "--ff-only")
        _do(workflow.dvc(), "fetch", "--quiet", "--run-cache")
    began = time.time()
    status = workflow.run_alone([])
    run = times.last_run(began)
    ran = [*run.seconds, *run.unfinished]
    if status:
        return status, f"failed in {ran[-1]}" if ran else "failed before the first stage"
    if sync and ran:
        _do(workflow.dvc(), "push", "--quiet", "--run-cache")
    if not ran:
        return 0, "nothing new: no stage had to run"
    outcome = f"ran {', '.join(ran)}"
    if "push" in ran:
        from components.registry import pushed

        outcome += f"; push: {pushed.in_words()}"
    return 0, outcome


def _do(*command: str) -> None:
    if run_forwarding_signals(command):
        raise UserError(f"{' '.join(command[:2])}: failed; the lines above say why")
