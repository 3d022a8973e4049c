"""The registry as a table."""

from __future__ import annotations

from typing import Any

from components.registry.state import State

COLUMNS = ("version", "stage", "verdict", "volume Dice", "95 % interval", "AUROC", "patients", "data")


def rows(state: State) -> list[dict[str, Any]]:
    """One row per version, newest first: version, stages, verdict, data, headline numbers, commit."""
    return [
        {
            "version": version.name,
            "stages": [
                stage for stage in state.stacks if stage not in state.unnamed and state.current(stage) == version
            ],
            "verdict": version.summary.get("verdict", "unknown"),
            "data": version.summary.get("data", "unknown"),
            **version.summary.get("headline", {}),
            "commit": version.commit,
        }
        for version in reversed(state.versions)
    ]


def in_words(state: State) -> str:
    """The table formatted for a terminal."""
    lines = [COLUMNS, *(_line(row) for row in rows(state))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    table = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join([*table, *(f"warn: {state.missing_tag(stage)}" for stage in state.unnamed)])


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    low, high = row.get("volume_dice_mean_low95"), row.get("volume_dice_mean_high95")
    return (
        row["version"],
        ", ".join(row["stages"]) or "-",
        row["verdict"],
        _number(row.get("volume_dice_mean")),
        "-" if low is None or high is None else f"{low:.3f} to {high:.3f}",
        _number(row.get("auroc")),
        str(row.get("patients", "-")),
        row["data"],
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
