"""The result of the last run in words: verdict, headline numbers, stages, report."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from components.common.files import read_result
from pipelines import paths
from pipelines.runs import times


def number(value: float | None) -> str:
    """Format a score for people."""
    return "not measured" if value is None else f"{value:.3f}"


def summary(since: float | None = None) -> str:
    """Verdict, headline numbers, durations of the stages and path of the report of the last run.

    Args:
        since: see `times.last_run`.
    """
    from components.registry import pushed  # it imports GTO, whose import closes all log handlers

    metrics = read_result(paths.METRICS, "layered", "classifier", "data")
    verdict = read_result(paths.BLESSING / "verdict.json", "verdict", "reasons")
    layered = metrics["layered"]
    interval = (
        f"95 % interval {number(layered['volume_dice_mean_low95'])} to {number(layered['volume_dice_mean_high95'])}"
    )
    tested = f"{layered['patients']} test patients"
    if "persons" in layered:  # only where the two differ
        tested = f"{layered['patients']} test examinations of {layered['persons']} persons"
    rows = [
        ("Data", tested + (", SYNTHETIC" if metrics["data"] == "synthetic" else "")),
        ("Classifier AUROC, slices", number(metrics["classifier"]["auroc"])),
        ("Volume Dice, mean", f"{number(layered['volume_dice_mean'])}  ({interval})"),
        ("Volume Dice, median", number(layered["volume_dice_median"])),
        ("Verdict", verdict["verdict"]),
        *(("", reason) for reason in verdict["reasons"]),
        ("Registry", pushed.in_words()),
        *stage_rows(times.last_run(since)),
        ("Report", str(paths.REPORT.resolve())),
    ]
    return "\n".join(f"{name:<26}{value}" for name, value in rows)


def stage_rows(run: times.LastRun) -> Iterator[tuple[str, str]]:
    """Rows about the stages: which ran and for how many seconds, and which did not."""
    took = [f"{stage} {seconds:.0f}" for stage, seconds in run.seconds.items()]
    if took:
        took.append(f"all {sum(run.seconds.values()):.0f}")
    for name, stages in (("Stages, seconds", took), ("Unfinished", run.unfinished), ("Up to date", run.up_to_date)):
        lines = textwrap.wrap(", ".join(stages), 94, break_on_hyphens=False)
        yield from ((name if line is lines[0] else "", line) for line in lines)
