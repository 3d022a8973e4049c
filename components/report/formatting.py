"""Numbers and names as people read them."""

from __future__ import annotations

import math
from typing import Any

NOT_MEASURED = "not measured"
ML = "\N{NO-BREAK SPACE}ml"
MM = "\N{NO-BREAK SPACE}mm"
NETWORKS = {"classifier": "Classifier", "segmenter": "Segmenter"}
COHORTS = {
    "site": "Site",
    "missing_sequence": "Missing sequence",
    "tumor_size": "Tumour size",
    "review": "Reviewed reference",
    "missing_pre": "Without pre-contrast",
    "missing_post": "Without post-contrast",
}
SCORES = {
    "auroc": "AUROC",
    "pr_auc": "PR-AUC",
    "pooled_dice": "pooled Dice",
    "volume_dice_mean": "mean volume Dice",
    "val_volume_dice": "volume Dice",
    "val_auroc": "AUROC",
}


def measured(value: Any) -> bool:
    """Return whether the value is a finite number."""
    return value is not None and math.isfinite(value)


def number(value: Any, digits: int = 3, unit: str = "") -> str:
    """Format a number with this many decimals, or say that there is none; minus is a true minus sign."""
    if not measured(value):
        return NOT_MEASURED
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}") + unit


def percent(value: Any) -> str:
    """Format a fraction as a percentage."""
    return NOT_MEASURED if not measured(value) else number(100 * value, 0, "\N{NO-BREAK SPACE}%")


def p_value(value: float) -> str:
    """Format a p-value: "= 0.012", or "below 0.001", because it is never 0."""
    return "below 0.001" if value < 0.001 else f"= {number(value)}"


def span(low: Any, high: Any, digits: int = 3) -> str:
    """Format an interval, or say that there is none."""
    if not (measured(low) and measured(high)):
        return NOT_MEASURED
    return f"{number(low, digits)} to {number(high, digits)}"


def count(how_many: int, thing: str) -> str:
    """Format a count with its noun: "1 patient", "9 patients", "1,373 slices"."""
    return f"{how_many:,} {thing}{'' if how_many == 1 else 's'}"


def score(name: str) -> str:
    """A score's name for people."""
    return SCORES.get(name, name.replace("_", " "))


def cohort(name: str) -> str:
    """A cohort's name for people: clinical columns keep their own names."""
    return COHORTS.get(name, name.replace("_", " "))


def processing(chosen: dict[str, Any]) -> str:
    """The 3-D processing chosen on validation patients, in words."""
    parts = []
    if chosen["largest"]:
        parts.append("only the largest connected component of a patient is kept")
    if chosen["min_ml"]:
        parts.append(f"components below {chosen['min_ml']:g} ml are dropped")
    return " and ".join(parts) or "every component is kept"


def cell(text: str) -> str:
    """Escape text for a cell of a Markdown table."""
    return " ".join(str(text).replace("|", "\\|").split())
