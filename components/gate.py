"""The gate: absolute floors on the test patients. A metric that is missing or not a number never passes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.files import atomic_folder, write_json
from components.params import Gate

BLESSED, NOT_BLESSED = "BLESSED", "NOT BLESSED"


@dataclass(frozen=True)
class Check:
    """One floor: did `metric` of `subject` reach it?"""

    subject: str
    metric: str
    value: float | None
    floor: float | None
    passed: bool

    def in_words(self) -> str:
        """The check as a sentence."""
        if self.value is None or self.floor is None:
            return f"{self.subject}: {self.metric} could not be measured, so it can't pass"
        relation = "reaches" if self.passed else "is below"
        return f"{self.subject}: {self.metric} {self.value:.4f} {relation} its floor {self.floor:g}"


def check(subject: str, metric: str, value: float | None, floor: float) -> Check:
    """Hold a value against its floor."""
    usable = value is not None and math.isfinite(value)
    return Check(subject, metric, value if usable else None, floor, bool(usable and value >= floor))  # type: ignore[operator]


def floors(metrics: dict[str, Any], gate: Gate) -> list[Check]:
    """All floors of the layered model; `metrics` is what reports/metrics.json holds."""
    layered, segmenter, classifier = metrics["layered"], metrics["segmenter"], metrics["classifier"]
    return [
        check("classifier", "auroc", classifier.get("auroc"), gate.min_auroc),
        check("classifier", "sensitivity", classifier.get("sensitivity"), gate.min_sensitivity),
        check("classifier", "specificity", classifier.get("specificity"), gate.min_specificity),
        check("segmenter", "pooled_dice", segmenter.get("pooled_dice"), gate.min_pooled_dice),
        check("layered model", "volume_dice_mean", layered.get("volume_dice_mean"), gate.min_volume_dice),
    ]


def verdict(checks: Iterable[Check], tfma_refusals: Iterable[Check] = ()) -> dict[str, Any]:
    """Sum up: blessed only where every floor is reached and the TFX Evaluators refused nothing."""
    every = [*checks, *tfma_refusals]
    blessed = bool(every) and all(c.passed for c in every)
    return {
        "verdict": BLESSED if blessed else NOT_BLESSED,
        "reasons": [c.in_words() for c in every if not c.passed],
        "checks": [asdict(c) for c in every],
    }


def write_blessing(folder: str | Path, result: dict[str, Any]) -> None:
    """Write the verdict as TFX does, a file named BLESSED or NOT_BLESSED, with verdict.json beside it."""
    with atomic_folder(folder) as part:
        (part / result["verdict"].replace(" ", "_")).touch()
        write_json(part / "verdict.json", result)


def is_blessed(folder: str | Path) -> bool:
    """Tell what `write_blessing` wrote; a folder that holds anything but a plain BLESSED is not blessed."""
    folder = Path(folder)
    return (folder / "BLESSED").is_file() and not (folder / "NOT_BLESSED").exists()
