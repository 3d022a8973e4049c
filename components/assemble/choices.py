"""All choices of a layered model, made on validation patients.

They are made in this order: the temperatures, which calibrate the probabilities; stage 1's threshold; the mask's
threshold; the 3-D processing; the doubt above which a patient is referred.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from components.assemble.validation_views import ValidationViews
from components.layered.decision import doubt, unprocessed
from components.metrics.choice import Choice
from components.metrics.mask_scores import dice
from components.metrics.temperature import apply_temperature, temperature

MASK_THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)
ROUNDING = 1e-6  # how much one slice's probability differs between runtimes, processors and batches


def tumor_threshold(labels: np.ndarray, probabilities: np.ndarray, sensitivity: float) -> float:
    """Return the highest probability threshold that still finds at least `sensitivity` of the tumour slices.

    The threshold lies halfway to the next lower probability, so that rounding in another runtime does not flip a slice;
    probabilities within `ROUNDING` of each other count as equal.
    """
    probabilities = np.asarray(probabilities, float)
    positives = np.sort(probabilities[np.asarray(labels, bool)])
    lost = int(np.floor((1 - sensitivity) * len(positives) + 1e-9))
    lowest_found = positives[lost]
    below = probabilities[probabilities < lowest_found - ROUNDING]
    return float((lowest_found + (below.max() if len(below) else 0.0)) / 2)


def choose(validation: ValidationViews, *, sensitivity: float, refer: float) -> dict[str, Any]:
    """Make all choices; returns the content of layered.json."""
    temperatures = (
        temperature(validation.probabilities, validation.labels),
        validation.pixels.temperature(),
    )
    calibrated = apply_temperature(validation.probabilities, temperatures[0])
    threshold = tumor_threshold(validation.labels, calibrated, sensitivity)
    scores = []
    for _, scan, seen in validation.patients(*temperatures):
        assert scan.mask is not None
        if scan.mask.any():
            rules = ({"tumor_threshold": threshold, "mask_threshold": t} for t in MASK_THRESHOLDS)
            scores.append([dice(scan.mask, unprocessed(seen, rule)) for rule in rules])
    by_threshold = np.mean(scores, axis=0)
    record: dict[str, Any] = {
        "tumor_temperature": temperatures[0],
        "mask_temperature": temperatures[1],
        "tumor_threshold": threshold,
        "validation_sensitivity": sensitivity,
        "mask_threshold": float(MASK_THRESHOLDS[by_threshold.argmax()]),
        "processing": {"largest": False, "min_ml": 0.0},
    }
    choice = Choice()
    for _, scan, seen in validation.patients(*temperatures):
        assert scan.mask is not None
        choice += Choice.of(scan.mask, unprocessed(seen, record), scan.spacing)
    record["processing"] = vars(choice.best())
    doubts = [doubt(seen, scan.spacing, record) for _, scan, seen in validation.patients(*temperatures)]
    return record | {
        "validation_volume_dice_mean": float(choice.table()["volume_dice_mean"].max()),
        "processing_evidence": choice.table().to_dict("records"),
        "refer_at_doubt": float(np.quantile(doubts, 1 - refer)),
    }
