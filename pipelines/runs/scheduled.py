"""An unattended run: started by a timer, beside other runs, with its outcome in one line."""

from __future__ import annotations

import time

from pipelines.processes import run_lock
from pipelines.runs import synchronization, times, workflow


def run(*, sync: bool) -> tuple[int, str]:
    """Run the workflow unless another run is working here.

    Args:
        sync: whether to pull code, scans and results from the Git and DVC remotes first, and push new ones afterwards.

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
        synchronization.pull()
    began = time.time()
    status = workflow.run_alone([])
    run = times.last_run(began)
    ran = [*run.seconds, *run.unfinished]
    if status:
        return status, f"failed in {ran[-1]}" if ran else "failed before the first stage"
    if sync and ran:
        synchronization.do(workflow.dvc(), "push", "--quiet", "--run-cache")
    if not ran:
        return 0, "nothing new: no stage had to run"
    outcome = f"ran {', '.join(ran)}"
    if "push" in ran:
        from components.registry import pushed

        outcome += f"; push: {pushed.in_words()}"
    return 0, outcome
