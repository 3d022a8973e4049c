"""Tables of groups: cohorts, end-to-end scores with and without parts of the model, and TFX's slices of the data."""

from __future__ import annotations

from typing import Any

from components.common.predictions import records
from components.evaluate.gate import is_judged
from components.metrics.patient_summary import summarise_patients
from components.report.formatting import MM, cohort, count, number, score, span
from components.report.run_data import Run

# Rows of "end to end": a key of `summarise_patients`, its name, digits, unit, and the score of a model that finds
# nothing: another key, or the number itself.
PARTS = (
    ("volume_dice_mean", "Volume Dice, mean", 3, "", "0"),
    ("volume_dice_median", "Volume Dice, median", 3, "", "0"),
    ("volume_dice_p10", "Volume Dice, 10th percentile", 3, "", "0"),
    ("tumor_slice_dice", "Dice on tumour slices", 3, "", "0"),
    ("all_slice_dice_empty_as_1", "Dice on all slices, empty for empty counting 1", 3, "", "all_slice_dice_floor"),
    ("false_positive_pixels_per_empty_slice", "False-positive pixels on each empty slice", 1, "", "0"),
    ("hd95_mm_missed_as_diagonal", "HD95, mean; missed as diagonal", 1, MM, "hd95_mm_floor"),
    ("volume_error_mean", "Volume error, mean; above 0 is too much", 3, "", "\N{MINUS SIGN}1"),
)
FLAGS = {(f"missing_{name}", flag): word for name in ("pre", "post") for flag, word in (("0", "no"), ("1", "yes"))}


def cohort_groups(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Cohorts by kind; each with its number and interval, and the gate's floor if the gate applies one."""
    gate = run.params.gate
    found: dict[str, list[dict[str, Any]]] = {}
    for name, values in run.metrics["cohorts"].items():
        kind, _, value = name.partition("=")
        judged = is_judged(values, gate)
        floor = gate.min_cohort_volume_dice if judged else None
        mean, low, high = (values[f"volume_dice_mean{end}"] for end in ("", "_low95", "_high95"))
        row = {**values, "value": value, "floor": floor, "mean": mean, "low": low, "high": high}
        row["tested"] = str(values["patients"])
        if values["persons"] != values["patients"]:
            row["tested"] += f" ({count(values['persons'], 'person')})"
        row["missed"] = judged and (mean is None or mean < gate.min_cohort_volume_dice)
        found.setdefault(cohort(kind), []).append(row)
    return found


def end_to_end(run: Run) -> list[dict[str, str]]:
    """Scores as used, without stage 1's gate, and without 3-D processing."""
    seed = run.params.seed
    unprocessed = summarise_patients(records(run.scores["unprocessed"]), seed)
    variants: dict[str, Any] = {
        "used": run.metrics["layered"],
        "ungated": run.metrics["segmenter"],
        "unprocessed": unprocessed,
    }
    rows = []
    for key, what, digits, unit, floor in PARTS:
        used = variants["used"]
        row = {"what": what, "nothing": number(used[floor], digits, unit) if floor in used else floor}
        for variant, summary in variants.items():
            row[variant] = number(summary[key], digits, unit)
            if f"{key}_low95" in summary:
                row[f"{variant}_interval"] = span(summary[f"{key}_low95"], summary[f"{key}_high95"], digits)
        rows.append(row)
    return rows


def tfma_rows(run: Run) -> tuple[list[str], list[dict[str, str]]]:
    """Names of the scores from the TFX Evaluators, and one row per slice of the data."""
    tfma = run.metrics["tfma"]
    columns = {
        (network, name): f"{network}, {score(name)}"
        for network, slices in tfma.items()
        for values in slices.values()
        for name in values
        if name != "example_count"
    }
    rows = []
    for name in dict.fromkeys(name for slices in tfma.values() for name in slices):
        kind, _, value = name.partition("=")
        counts = [slices[name]["example_count"] for slices in tfma.values() if "example_count" in slices.get(name, {})]
        row = {
            "slice": f"{cohort(kind)}: {FLAGS.get((kind, value), value)}" if value else "All",
            "count": number(counts[0] if counts else None, 0),
        }
        for (network, key), column in columns.items():
            row[column] = number(tfma[network].get(name, {}).get(key))
        rows.append(row)
    return list(columns.values()), rows
