"""From probabilities to a decision: temperatures, thresholds, gate, 3-D processing and doubt, all in one place.

The graph of the SavedModel makes the same decisions for single slices; tests compare the two. Only a scan has slices
beside each other, so only here does stage 1 see them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from components.layered.smoothing import stage1
from components.layered.views import Views
from components.metrics.components3d import keep_components
from components.metrics.doubt import expected_dice
from components.metrics.temperature import apply_temperature


@dataclass(frozen=True)
class Prediction:
    """A decision about a scan.

    Attributes:
        tumor_probability: float [slices], after smoothing along the scan if the model does that.
        has_tumor: bool [slices], slices that pass stage 1.
        mask: bool [slices, height, width], the result: stage 2 on the slices that pass stage 1, after 3-D processing.
        unprocessed: the same before 3-D processing.
        ungated: mask of stage 2 alone, after 3-D processing.
        doubt: doubt about the patient, 0..1: 1 - the expected Dice of the mask, by the mean of both views.
        slice_doubt: float [slices], 0..1: the entropy of stage 1 in bits or 1 - the slice's expected Dice, whichever is
            greater.
    """

    tumor_probability: np.ndarray
    has_tumor: np.ndarray
    mask: np.ndarray
    unprocessed: np.ndarray
    ungated: np.ndarray
    doubt: float
    slice_doubt: np.ndarray


def calibrate(views: Views, tumor_temperature: float, mask_temperature: float) -> Views:
    """Apply the temperatures to uncalibrated outputs of the stages.

    Args:
        views: uncalibrated outputs of both stages.
        tumor_temperature, mask_temperature: temperatures of stage 1 and stage 2, above 0; 1 changes nothing.

    Returns:
        Calibrated outputs, of the same shapes.
    """
    return Views(
        apply_temperature(views.tumor_probability, tumor_temperature),
        apply_temperature(views.mask_probability, mask_temperature),
        None if views.mirrored is None else apply_temperature(views.mirrored, mask_temperature),
    )


def threshold_before_calibration(record: dict[str, Any], output: str) -> float:
    """Return a threshold, of "tumor" or "mask", for uncalibrated probabilities: less work than to calibrate them."""
    return float(apply_temperature(record[f"{output}_threshold"], 1 / record.get(f"{output}_temperature", 1.0)))


def uncalibrated(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record that decides the same by uncalibrated probabilities: temperatures of 1, thresholds moved."""
    outputs = ("tumor", "mask")
    moved = {f"{output}_threshold": threshold_before_calibration(record, output) for output in outputs}
    if rule := record.get("tumor_smoothing"):
        both = record.get("tumor_temperature", 1.0) * rule["temperature"]
        threshold = float(apply_temperature(rule["threshold"], 1 / both))
        moved["tumor_smoothing"] = rule | {"temperature": 1.0, "threshold": threshold}
    return record | moved | {f"{output}_temperature": 1.0 for output in outputs}


def unprocessed(views: Views, record: dict[str, Any]) -> np.ndarray:
    """Stage 2 on the slices that pass stage 1, before 3-D processing: bool [slices, height, width]."""
    _, has_tumor = stage1(views.tumor_probability, record)
    return (views.mask_probability >= record["mask_threshold"]) & has_tumor[:, None, None]


def doubt(views: Views, spacing: tuple[float, float, float], record: dict[str, Any]) -> float:
    """Compute `Prediction.doubt` alone, 0..1; arguments as for `decide`."""
    return 1 - expected_dice(views.mean, keep_components(unprocessed(views, record), spacing, **record["processing"]))


def decide(views: Views, spacing: tuple[float, float, float], record: dict[str, Any]) -> Prediction:
    """Apply the thresholds and the processing of layered.json.

    Args:
        views: calibrated outputs of both stages for every slice of a scan.
        spacing: millimetres between slices, rows and columns.
        record: content of layered.json.
    """
    probability, has_tumor = stage1(views.tumor_probability, record)
    predicted = views.mask_probability >= record["mask_threshold"]
    gated = unprocessed(views, record)
    mask = keep_components(gated, spacing, **record["processing"])
    same = np.array_equal(predicted, gated)  # if stage 1 removes nothing, processing one of them is enough
    mean = views.mean
    p = np.clip(probability.astype(float), 1e-12, 1 - 1e-12)
    entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    of_mask = [1 - expected_dice(m, d) if d.any() else 0.0 for m, d in zip(mean, mask, strict=True)]
    return Prediction(
        probability,
        has_tumor,
        mask,
        gated,
        mask if same else keep_components(predicted, spacing, **record["processing"]),
        1 - expected_dice(mean, mask),
        np.maximum(entropy, of_mask),
    )
