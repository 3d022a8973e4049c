"""Candidate against champion, in words and numbers."""

from __future__ import annotations

from typing import Any

from components.evaluate.champion import SUBJECT
from components.metrics.persons import counted
from components.report.formatting import number, p_value, span
from components.report.run_data import Run


def champion_words(run: Run) -> list[str]:
    """The result of the comparison, or why there is none."""
    found, refused = run.metrics["champion"], _refused(run)
    if not found:
        return refused or [
            "There is no champion yet: no model in use that this one would have to match. Put one into the folder "
            f"named {run.params.gate.champion}, and the next run is compared with it."
        ]
    relation = "higher" if found["mean"] >= 0 else "lower"
    sentences = [
        f"On the same {counted(found['persons'], found['patients'])} with tumour, the candidate's volume Dice is "
        f"{number(abs(found['mean']))} {relation} on average than the champion's (95 % interval of the difference "
        f"{span(found['low95'], found['high95'])}). It may be lower by {found['margin']:g} at most.",
        _test(found),
    ]
    return [*sentences, *refused]


def _test(found: dict[str, Any]) -> str:
    if found["p_value"] is None:
        return f"No test is possible: {found['note']}."
    sure = "is certain enough" if found["p_value"] <= 0.05 else "is NOT certain enough"
    test = found["test"].replace("monte carlo", "Monte Carlo")
    note = f" Note that there are {found['note']}." if found["note"] else ""
    return (
        f"It {sure} that the candidate is no worse than that: p {p_value(found['p_value'])} ({test} "
        f"sign-flip test over persons; 0.05 or less is certain enough).{note}"
    )


def champion_rows(run: Run) -> list[dict[str, str]]:
    """Means and medians of both, and on how many patients each is better; no rows without a champion's scores."""
    if run.champion is None or not run.metrics["champion"]:
        return []
    both = run.with_tumor.merge(run.champion[["patient", "volume_dice"]], on="patient", suffixes=("", "_champion"))
    ours, theirs = both["volume_dice"], both["volume_dice_champion"]
    return [
        {
            "who": who,
            "mean": number(mine.mean()),
            "median": number(mine.median()),
            "worst": number(mine.min()),
            "better": f"{int((mine > other).sum())} of {len(both)}",
        }
        for who, mine, other in (("Candidate", ours, theirs), ("Champion", theirs, ours))
    ]


def _refused(run: Run) -> list[str]:
    """Reasons in words why the gate refused the comparison, if it did."""
    return [
        f"{check['reason'][0].upper()}{check['reason'][1:]}."
        for check in run.verdict["checks"]
        if check["subject"] == SUBJECT and not check["passed"] and check["value"] is None and check["reason"]
    ]
