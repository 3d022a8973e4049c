"""What a reader must know before any number, in words, worst first: leaks, empty masks, miscalibration."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

# The gap between predicted and observed frequencies that a reader should know about.
GAP = 0.1


def known_people(record: dict[str, Any]) -> set[str]:
    """Fingerprints of the persons on whom a layered model's networks were trained or its choices made."""
    return {person for network in record["made_from"].values() for person in network.get("people", ())}


def missing_provenance(record: dict[str, Any]) -> str | None:
    """Return which networks of a layered model do not record whom they were trained on; None if both networks do."""
    made_from = record.get("made_from", {})
    missing = [name for name in ("classifier", "segmenter") if "people" not in made_from.get(name, {})]
    were = "was" if len(missing) == 1 else "were"
    return f"does not record whom its {' and its '.join(missing)} {were} trained on" if missing else None


def leak(record: dict[str, Any], tested: Collection[str]) -> str | None:
    """Report how many of the tested persons, by fingerprint, the model has seen before; None if it has seen none."""
    missing = missing_provenance(record)
    if missing:
        return f"The model {missing}, so a LEAK can't be ruled out. Train it again."
    seen = known_people(record) & set(tested)
    if not seen:
        return None
    return (
        f"LEAK: the model was trained or chosen on {len(seen)} of the {len(set(tested))} tested persons; "
        "so every number here is worthless. Split again, and train again."
    )


def findings(metrics: dict[str, Any], record: dict[str, Any], tested: Collection[str]) -> list[str]:
    """Sentences for the top of the report; none if there is nothing to warn about.

    Args:
        metrics: result of `components.evaluate.summary.summarise`.
        record: layered.json of the layered model.
        tested: fingerprints of the test patients.
    """
    layered, classifier, calibration = metrics["layered"], metrics["classifier"], metrics["calibration"]
    sentences = [leak(record, tested), *_starts(record)]
    missed, with_tumor = layered["missed_patients"], layered["tumor_patients"]
    if with_tumor and missed == with_tumor:
        sentences.append(
            "The model finds NOTHING: in no patient does the mask touch the tumour. Pixel accuracy could still be near "
            "0.99, which is why it isn't reported."
        )
    elif missed:
        sentences.append(f"In {missed} of {with_tumor} patients with tumour, the model draws nothing of it.")
    if classifier["auroc"] is not None and classifier["auroc"] < 0.5:
        sentences.append("The classifier does worse than chance (AUROC below 0.5).")
    sentences += [_slices(calibration), _pixels(calibration), _doubt(metrics["doubt"])]
    lost = layered["unprocessed_volume_dice_mean"], layered["volume_dice_mean"]
    if None not in lost and lost[0] - lost[1] > 0.01:
        sentences.append(
            f"The 3-D processing chosen on validation patients lowers the test patients' volume Dice: {lost[0]:.3f} "
            f"without it, {lost[1]:.3f} with it."
        )
    if layered["persons"] != layered["patients"]:
        sentences.append(
            f"The {layered['patients']} test examinations are of {layered['persons']} persons. Intervals, the test "
            "against the champion and the gate's cohorts count persons; means are over examinations."
        )
    if layered["volume_dice_note"]:
        sentences.append(f"Few patients were tested: {layered['volume_dice_note']}.")
    return [sentence for sentence in sentences if sentence]


def _starts(record: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each network whose start was trained or chosen on validation patients."""
    for name, network in record.get("made_from", {}).items():
        known = network.get("validation_known_to_start")
        if known:
            yield (
                f"The {name} started from {network['started_from'][0]}, which was trained or chosen on {known} of the "
                "validation patients. What was chosen on them (epoch, temperature, threshold) is likely to be too "
                "optimistic; the test patients are new to both."
            )


def _slices(calibration: dict[str, Any]) -> str | None:
    confidence, accuracy = calibration["slice_confidence_mean"], calibration["slice_accuracy_at_half"]
    if confidence is None or abs(confidence - accuracy) <= GAP:
        return None
    kind = "OVER-CONFIDENT" if confidence > accuracy else "under-confident"
    return (
        f"The classifier is {kind}: on average it is {confidence:.0%} sure of a slice and right in {accuracy:.0%}. "
        "Don't take its probabilities at face value."
    )


def _pixels(calibration: dict[str, Any]) -> str | None:
    mean, observed = (calibration[f"mask_pixels_{what}_from_1_percent"] for what in ("predicted", "observed"))
    if mean is None or abs(mean - observed) <= GAP:
        return None
    kind = "OVER-CONFIDENT" if mean > observed else "under-confident"
    return (
        f"The masks are {kind}: where the model predicts 1 % or more for a pixel, its mean prediction is {mean:.0%}, "
        f"and {observed:.0%} of these pixels are tumour."
    )


def _doubt(doubt: dict[str, Any]) -> str | None:
    if doubt["gain"] is not None and doubt["gain"] <= 0:
        return "The model's doubt does not point to its errors: the refer list is no better than chance."
    return None
