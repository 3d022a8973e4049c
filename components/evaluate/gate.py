"""The gate: floors, cohorts and the champion. A value that is missing or not a number never passes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.common.files import atomic_folder, write_json
from components.common.params.decisions import Gate

BLESSED, NOT_BLESSED = "BLESSED", "NOT BLESSED"


@dataclass(frozen=True)
class Check:
    """One question: did `metric` of `subject` reach `floor`?

    Attributes:
        value: the measured value; None if there is no usable one.
        reason: explanation, as a sentence; if empty, `in_words` builds one from the numbers.
    """

    subject: str
    metric: str
    value: float | None
    floor: float | None
    passed: bool
    reason: str = ""

    def in_words(self) -> str:
        """The check as a sentence."""
        if self.reason:
            return f"{self.subject}: {self.reason}"
        if self.value is None or self.floor is None:
            return f"{self.subject}: {self.metric} could not be measured, so it can't pass"
        relation = "reaches" if self.passed else "is below"
        return f"{self.subject}: {self.metric} {self.value:.4f} {relation} its floor {self.floor:g}"


def check(subject: str, metric: str, value: float | None, floor: float) -> Check:
    """Compare a value with its floor."""
    usable = value is not None and math.isfinite(value)
    return Check(subject, metric, value if usable else None, floor, bool(usable and value >= floor))  # type: ignore[operator]


def refusal(subject: str, reason: str) -> Check:
    """A check that failed for a reason other than a floor."""
    return Check(subject, "", None, None, False, reason)


def no_leak(leak: str | None) -> list[Check]:
    """Refuse the model if `components.evaluate.findings.leak` found a leak."""
    return [refusal("layered model", leak)] if leak else []


def floors(metrics: dict[str, Any], gate: Gate) -> list[Check]:
    """All absolute floors; `metrics` is the result of `components.evaluate.summary.summarise`."""
    layered, segmenter, classifier = metrics["layered"], metrics["segmenter"], metrics["classifier"]
    return [
        check("classifier", "auroc", classifier.get("auroc"), gate.min_auroc),
        check("classifier", "sensitivity", classifier.get("sensitivity"), gate.min_sensitivity),
        check("classifier", "specificity", classifier.get("specificity"), gate.min_specificity),
        check("segmenter", "pooled_dice", segmenter.get("pooled_dice"), gate.min_pooled_dice),
        check("layered model", "volume_dice_mean", layered.get("volume_dice_mean"), gate.min_volume_dice),
    ]


def cohort_floors(metrics: dict[str, Any], gate: Gate) -> list[Check]:
    """A floor for the mean volume Dice of every cohort that `is_judged`."""
    return [
        check(f"cohort {name}", "volume_dice_mean", cohort["volume_dice_mean"], gate.min_cohort_volume_dice)
        for name, cohort in metrics["cohorts"].items()
        if is_judged(cohort, gate)
    ]


def is_judged(cohort: dict[str, Any], gate: Gate) -> bool:
    """Return whether the gate judges a cohort: it has enough persons with a tumour, as others have no Dice."""
    return bool(cohort["tumor_persons"] >= gate.cohort_patients)


def verdict(checks: Iterable[Check]) -> dict[str, Any]:
    """Summarise the checks: blessed only if there are any and all passed."""
    every = list(checks)
    blessed = bool(every) and all(c.passed for c in every)
    return {
        "verdict": BLESSED if blessed else NOT_BLESSED,
        "reasons": [c.in_words() for c in every if not c.passed],
        "passed": [c.in_words() for c in every if c.passed],
        "checks": [asdict(c) for c in every],
    }


def write_blessing(folder: str | Path, result: dict[str, Any]) -> None:
    """Write the verdict as TFX does, as a file named BLESSED or NOT_BLESSED, with verdict.json beside it."""
    with atomic_folder(folder) as part:
        (part / result["verdict"].replace(" ", "_")).touch()
        write_json(part / "verdict.json", result)


def is_blessed(folder: str | Path) -> bool:
    """Read what `write_blessing` wrote; only a folder with a plain BLESSED is blessed."""
    folder = Path(folder)
    return (folder / "BLESSED").is_file() and not (folder / "NOT_BLESSED").exists()
