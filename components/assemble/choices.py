"""All choices of a layered model, made on validation patients.

They are made in this order: the temperatures, which calibrate the probabilities; stage 1's threshold, for a slice by
itself; its smoothing along a scan, with a temperature and a threshold of its own; the mask's threshold; the 3-D
processing; the doubt above which a patient is referred.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from components.assemble.validation_views import ValidationViews
from components.layered.decision import doubt, unprocessed
from components.layered.smoothing import SIGMAS, smoothed
from components.metrics.choice import Choice
from components.metrics.mask_scores import dice
from components.metrics.slice_scores import auroc
from components.metrics.temperature import apply_temperature, temperature
from components.scans.identity import subject_of

MASK_THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)
ROUNDING = 1e-6  # how much one slice's probability differs between runtimes, processors and batches


def tumor_threshold(labels: np.ndarray, probabilities: np.ndarray, sensitivity: float) -> float:
    """Return a threshold just low enough to find at least `sensitivity` of the tumour slices.

    The threshold lies halfway to the next lower probability, so that rounding in another runtime does not flip a slice;
    probabilities within `ROUNDING` of each other count as equal.

    Args:
        labels: whether each slice shows tumour, bool [slices]; at least one does (`assemble` checks this).
        probabilities: tumour probability of each slice, float [slices].
        sensitivity: fraction of the tumour slices to find, (0, 1].
    """
    probabilities = np.asarray(probabilities, float)
    positives = np.sort(probabilities[np.asarray(labels, bool)])
    lost = int(np.floor((1 - sensitivity) * len(positives) + 1e-9))
    lowest_found = positives[lost]
    below = probabilities[probabilities < lowest_found - ROUNDING]
    return float((lowest_found + (below.max() if len(below) else 0.0)) / 2)


def smoothing(labels: list[np.ndarray], probabilities: list[np.ndarray], sensitivity: float) -> dict[str, Any] | None:
    """Choose how stage 1 is smoothed along a scan: by AUROC over all slices, the least smoothing among ties.

    Args:
        labels: whether each slice shows tumour, one bool array [slices] per scan, in order.
        probabilities: calibrated tumour probability of each slice, one float array [slices] per scan, in order.
        sensitivity: see `tumor_threshold`.

    Returns:
        `tumor_smoothing` of layered.json; None if no smoothing is best.
    """
    truth = np.concatenate(labels)
    candidates = [np.concatenate([smoothed(one, sigma) for one in probabilities]) for sigma in SIGMAS]
    areas = np.array([auroc(truth, candidate) or 0.0 for candidate in candidates])
    best = int(np.flatnonzero(areas >= areas.max() - 1e-9)[0])
    if not SIGMAS[best]:
        return None
    of_scans = temperature(candidates[best], truth)
    threshold = tumor_threshold(truth, apply_temperature(candidates[best], of_scans), sensitivity)
    return {"sigma": SIGMAS[best], "temperature": of_scans, "threshold": threshold}


def choose_stage1(
    validation: ValidationViews, tumor_temperature: float, *, sensitivity: float, smooth: bool
) -> dict[str, Any]:
    """Choose when a slice passes stage 1, by itself and, if `smooth`, in a scan; returns entries of layered.json."""
    calibrated = apply_temperature(validation.probabilities, tumor_temperature)
    chosen: dict[str, Any] = {"tumor_threshold": tumor_threshold(validation.labels, calibrated, sensitivity)}
    if smooth:
        ends = np.cumsum(validation.counts)[:-1]
        along = smoothing(np.split(validation.labels, ends), np.split(calibrated, ends), sensitivity)
        chosen |= {"tumor_smoothing": along} if along else {}
    return chosen


def middle_of_best(scores: np.ndarray) -> float:
    """Return the middle one of the `MASK_THRESHOLDS` that share the best score.

    If a network is confident about every pixel, many thresholds score equally well on validation; the middle one is
    the safest choice, because it is farthest from those that score worse.

    Args:
        scores: score of each threshold, float [thresholds]; higher is better.
    """
    best = np.flatnonzero(scores >= scores.max() - 1e-9)
    return float(MASK_THRESHOLDS[best[(len(best) - 1) // 2]])


def choose(validation: ValidationViews, *, sensitivity: float, refer: float, smooth: bool) -> dict[str, Any]:
    """Make all choices; returns the content of layered.json.

    Args:
        validation: outputs of both stages for the validation patients.
        sensitivity: fraction of tumour slices that stage 1 has to find.
        refer: fraction of the patients that a human should look at first.
        smooth: whether stage 1 may be smoothed along a scan.
    """
    temperatures = (
        temperature(validation.probabilities, validation.labels),
        validation.pixels.temperature(),
    )
    stage1 = choose_stage1(validation, temperatures[0], sensitivity=sensitivity, smooth=smooth)
    scores = []
    for _, scan, seen in validation.patients(*temperatures):
        assert scan.mask is not None
        if scan.mask.any():
            rules = (stage1 | {"mask_threshold": t} for t in MASK_THRESHOLDS)
            scores.append([dice(scan.mask, unprocessed(seen, rule)) for rule in rules])
    mask_threshold = middle_of_best(np.mean(scores, axis=0))
    record: dict[str, Any] = {
        "tumor_temperature": temperatures[0],
        "mask_temperature": temperatures[1],
        **stage1,
        "validation_sensitivity": sensitivity,
        "mask_threshold": mask_threshold,
    }
    examinations: dict[str, list[Choice]] = {}
    for name, scan, seen in validation.patients(*temperatures):
        assert scan.mask is not None
        one = Choice.of(scan.mask, unprocessed(seen, record), scan.spacing)
        examinations.setdefault(subject_of(name), []).append(one)
    choice = sum(map(Choice.of_person, examinations.values()), Choice())
    best, evidence = choice.best(), choice.table()
    record["processing"] = vars(best)
    doubts = [doubt(seen, scan.spacing, record) for _, scan, seen in validation.patients(*temperatures)]
    return record | {
        "validation_volume_dice_mean": float(evidence.set_index("min_ml")["volume_dice_mean"][best.min_ml]),
        "processing_evidence": evidence.to_dict("records"),
        "refer_at_doubt": float(np.quantile(doubts, 1 - refer)),
    }
