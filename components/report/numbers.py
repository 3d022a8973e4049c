"""The headline numbers: each with its interval, the score of a model that finds nothing, and the gate's requirement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.report.formatting import ML, MM, NOT_MEASURED, count, measured, number, span
from components.report.run_data import Run


@dataclass(frozen=True)
class Row:
    """A number of the run.

    Attributes:
        what: name, which says how empty masks count.
        value: formatted value.
        bar: value on a scale of 0..1; None if it has none.
        interval, low, high: 95 % interval, formatted and as numbers; "" if there is none.
        nothing: formatted score of a model that finds nothing.
        gate: lowest value that the gate accepts.
    """

    what: str
    value: str
    bar: float | None = None
    interval: str = ""
    low: float | None = None
    high: float | None = None
    nothing: str = ""
    gate: float | None = None


def _score(group: dict[str, Any], key: str, what: str, nothing: str, gate: float | None = None) -> Row:
    """A number within 0..1."""
    value = group.get(key)
    low, high = group.get(f"{key}_low95"), group.get(f"{key}_high95")
    interval = span(low, high) if f"{key}_low95" in group else ""
    return Row(what, number(value), value if measured(value) else None, interval, low, high, nothing, gate)


def _ml(size: float | None) -> str:
    return number(size, 2, ML) if measured(size) else "none"


def headline(run: Run) -> dict[str, list[Row]]:
    """All numbers of the model as used, group by group."""
    metrics, gate = run.metrics, run.params.gate
    layered, classifier, calibration = metrics["layered"], metrics["classifier"], metrics["calibration"]
    with_tumor, missed = layered["tumor_patients"], f"{layered['missed_patients']} of {layered['tumor_patients']}"
    outline = [
        _score(layered, "volume_dice_mean", "Volume Dice, mean over patients with tumour", "0", gate.min_volume_dice),
        _score(layered, "volume_dice_median", "Volume Dice, median", "0"),
        _score(layered, "volume_dice_p10", "Volume Dice, 10th percentile", "0"),
        _score(layered, "tumor_slice_dice", "Dice on tumour slices, mean", "0"),
        _score(
            layered,
            "all_slice_dice_empty_as_1",
            "Dice on all slices, an empty mask for an empty reference counting 1",
            number(layered["all_slice_dice_floor"]),
        ),
        Row(
            "False-positive area, pixels on each slice without tumour",
            number(layered["false_positive_pixels_per_empty_slice"], 1),
            nothing="0",
        ),
        Row(
            "95th percentile of surface distance (HD95), mean; a missed tumour counts the volume's diagonal",
            number(layered["hd95_mm_missed_as_diagonal"], 1, MM),
            nothing=number(layered["hd95_mm_floor"], 0, MM),
        ),
        Row("Volume error, mean of its size", number(layered["volume_error_abs_mean"]), nothing="1"),
        _score(
            metrics["segmenter"], "pooled_dice", "Pooled Dice of the segmenter alone, all pixels together", "0",
            gate.min_pooled_dice,
        ),
    ]  # fmt: skip
    tumors = [
        Row("Patients whose tumour is missed entirely", missed, nothing=str(with_tumor)),
        Row(
            "Tumour-free patients with a non-empty mask",
            f"{layered['alarmed_patients']} of {layered['patients'] - with_tumor}",
            nothing="0",
        ),
        _score(
            layered,
            "lesion_sensitivity",
            f"Share of the {count(layered['lesions'], 'lesion')} that the mask touches",
            "0",
        ),
        Row("False lesions per patient", number(layered["false_lesions_per_patient"], 2), nothing="0"),
        Row("Smallest lesion found", _ml(layered["smallest_found_ml"]), nothing="none"),
        Row("Largest lesion missed", _ml(layered["largest_missed_ml"])),
    ]
    detection = [
        _score(classifier, "auroc", "AUROC of slices", "0.5", gate.min_auroc),
        _score(classifier, "pr_auc", "PR-AUC of slices", number(classifier["pr_auc_floor"])),
        _score(classifier, "sensitivity", "Sensitivity: tumour slices that are found", "0", gate.min_sensitivity),
        _score(classifier, "specificity", "Specificity: empty slices that are filtered out", "1", gate.min_specificity),
        _score(classifier, "sensitivity_at_95_specificity", "Sensitivity where specificity is 0.95", "0"),
        Row(
            "Patients with tumour in whom no tumour slice is found",
            str(classifier["patients_missed"]),
            nothing=str(with_tumor),
        ),
    ]
    calibrated = [
        _score(classifier, "ece", "Calibration error (ECE) of slices, 0 is best", number(classifier["ece_floor"])),
        _score(
            calibration, "mask_pixel_ece", "Calibration error (ECE) of mask pixels, 0 is best",
            number(calibration["mask_pixel_ece_floor"]),
        ),
    ]  # fmt: skip
    return {
        "Outline of the tumour, both stages": outline,
        "Detection of tumours, both stages": tumors,
        "Detection of slices with tumour, stage 1": detection,
        "Calibration of the probabilities": calibrated,
    }


@dataclass(frozen=True)
class Card:
    """A number in large print: title, value, and lines below it; whether it satisfies the gate."""

    title: str
    value: str
    lines: list[str]
    passed: bool


def cards(run: Run) -> list[Card]:
    """The four numbers to remember."""
    layered, classifier, gate = run.metrics["layered"], run.metrics["classifier"], run.params.gate

    def one(title: str, group: dict[str, Any], key: str, nothing: str, floor: float) -> Card:
        value, lines = group.get(key), [f"finding nothing: {nothing}", f"the gate requires {floor:g}"]
        if f"{key}_low95" in group:
            lines = [f"95 %: {span(group[f'{key}_low95'], group[f'{key}_high95'])}", *lines]
        passed = value is not None and measured(value) and value >= floor
        return Card(title, number(value), lines, passed)

    missed, with_tumor = layered["missed_patients"], layered["tumor_patients"]
    return [
        one("Volume Dice, mean", layered, "volume_dice_mean", "0", gate.min_volume_dice),
        one("AUROC of slices", classifier, "auroc", "0.5", gate.min_auroc),
        one("Sensitivity, slices", classifier, "sensitivity", "0", gate.min_sensitivity),
        Card(
            "Tumours missed",
            f"{missed} of {with_tumor}" if with_tumor else NOT_MEASURED,
            ["patients whose tumour is missed entirely"],
            bool(with_tumor) and not missed,
        ),
    ]


def tested(run: Run) -> str:
    """Size of the test set, in words."""
    tumor = int(run.slices["has_tumor"].sum())
    layered = run.metrics["layered"]
    who = count(layered["patients"], "test patient")
    if layered["persons"] != layered["patients"]:
        who = f"{count(layered['patients'], 'test examination')} of {count(layered['persons'], 'person')}"
    return (
        f"{who}, {layered['tumor_patients']} of them with tumour; "
        f"{count(len(run.slices), 'slice')}, {tumor:,} of them with tumour"
    )
