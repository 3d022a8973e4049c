"""Summary of the test patients' results: reports/details.json, and its headline, reports/metrics.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.common.predictions import read_patients, read_slices, records
from components.evaluate.cohorts import cohorts
from components.evaluate.described_patients import describe_patients, reviews
from components.layered.record import read_record, stage1_threshold
from components.metrics.clusters import cluster_interval
from components.metrics.intervals import interval
from components.metrics.patient_summary import summarise_patients
from components.metrics.persons import persons_of
from components.metrics.pixel_calibration import read_pixels
from components.metrics.referral import count_caught_errors, refer_list
from components.metrics.risk import aurc, risk_coverage
from components.metrics.slice_scores import auroc, by_patient, classifier_scores, summarise_slices

# What the gate requires, with its uncertainty: short enough for one line of `dvc metrics show` and `dvc exp show`.
HEADLINE = {
    "classifier": ("auroc", "sensitivity", "specificity"),
    "segmenter": ("pooled_dice",),
    "layered": (
        "patients",
        *("volume_dice_mean", "volume_dice_mean_low95", "volume_dice_mean_high95", "volume_dice_median"),
    ),
}
# A human would redraw a mask with a lower volume Dice.
BAD = 0.7


def summarise(
    predictions: str | Path,
    layered: str | Path,
    manifest: pd.DataFrame,
    seed: int,
    clinical: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Metrics of the predictions: classifier, segmenter (gate off), layered (gate on), and how far to trust them.

    Args:
        layered: folder of the model.
        manifest: manifest of all slices.
        seed: seed of the bootstraps.
        clinical: result of `components.evaluate.clinical.read_clinical`, for more cohorts.
    """
    record, slices = read_record(layered), read_slices(predictions)
    described = describe_patients(manifest)
    gated = read_patients(predictions).merge(described, on="patient", validate="one_to_one")
    names = slices["patient"].to_numpy()
    labels, probabilities = slices["has_tumor"].to_numpy(), slices["tumor_probability"].to_numpy()
    threshold = stage1_threshold(record)
    spread = cluster_interval(auroc, persons_of(names), labels, probabilities, seed=seed)
    return {
        "data": "synthetic" if bool(gated["synthetic"].any()) else "scans",
        "classifier": {
            **classifier_scores(labels, probabilities, threshold),
            "auroc_low95": spread.low,
            "auroc_high95": spread.high,
            **summarise_slices(by_patient(names, labels, probabilities, threshold)),
        },
        "segmenter": summarise_patients(records(read_patients(predictions, "off")), seed),
        "layered": {
            **summarise_patients(records(gated), seed),
            "unprocessed_volume_dice_mean": summarise_patients(
                records(read_patients(predictions, "unprocessed")), seed
            )["volume_dice_mean"],
            **{name: record[name] for name in ("mask_threshold", "processing")},
        },
        "calibration": _calibration(predictions, record, labels, probabilities),
        "doubt": _doubt(gated, record["refer_at_doubt"]),
        "cohorts": _cohorts(gated, cohorts(gated, clinical), seed),
        "reviews": reviews(manifest),
    }


def headline(details: dict[str, Any]) -> dict[str, Any]:
    """The metrics kept in Git: verdict, kind of data, `HEADLINE`; unlike the details, they name no patient."""
    kept = {group: {name: details[group].get(name) for name in names} for group, names in HEADLINE.items()}
    if details["layered"]["persons"] != details["layered"]["patients"]:
        kept["layered"]["persons"] = details["layered"]["persons"]
    return {"verdict": details["verdict"], "data": details["data"], **kept}


def _calibration(
    predictions: str | Path, record: dict[str, Any], labels: np.ndarray, probabilities: np.ndarray
) -> dict[str, Any]:
    """Temperatures, ECE, and how far the predicted probabilities exceed or fall short of the observed frequencies."""
    pixels = read_pixels(predictions)
    chosen = pixels.reliability(lowest=0.01)
    weight = chosen["count"].to_numpy(float)
    sure = np.maximum(probabilities, 1 - probabilities)
    right = (probabilities >= 0.5) == (labels > 0)
    return {
        "tumor_temperature": record["tumor_temperature"],
        "mask_temperature": record["mask_temperature"],
        "slice_confidence_mean": float(sure.mean()) if len(sure) else None,
        "slice_accuracy_at_half": float(right.mean()) if len(right) else None,
        "mask_pixel_ece": pixels.ece(),
        "mask_pixel_ece_floor": pixels.prevalence,
        "mask_pixel_ece_from_1_percent": pixels.ece(lowest=0.01),
        "mask_pixels_predicted_from_1_percent": _weighted(chosen["mean_probability"], weight),
        "mask_pixels_observed_from_1_percent": _weighted(chosen["observed_frequency"], weight),
    }


def _doubt(patients: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """Number of patients to look at first, and whether their list catches the bad masks (volume Dice below `BAD`).

    The patients stay anonymous, because the metrics are in Git. The report, which is not, names them.
    """
    with_tumor = patients[patients["volume_dice"].notna()]
    doubt, score = (
        dict(zip(with_tumor["patient"], with_tumor[name], strict=True)) for name in ("doubt", "volume_dice")
    )
    referred = refer_list(doubt, threshold)
    return {
        "refer_at_doubt": threshold,
        "refer_patients": int((~(patients["doubt"] < threshold)).sum()),
        "bad_below_volume_dice": BAD,
        **vars(count_caught_errors(referred, {name for name, value in score.items() if value < BAD}, set(score))),
        **aurc(risk_coverage(with_tumor["doubt"].to_numpy(), with_tumor["volume_dice"].to_numpy())),
    }


def _cohorts(patients: pd.DataFrame, table: pd.DataFrame, seed: int) -> dict[str, Any]:
    scored = table.merge(patients[["patient", "volume_dice"]], on="patient")
    found = {}
    for (cohort, value), group in scored.groupby(["cohort", "value"]):
        with_tumor = group[group["volume_dice"].notna()]
        persons = persons_of(with_tumor["patient"])
        spread = interval(with_tumor["volume_dice"].to_numpy(), seed=seed, persons=persons)
        found[f"{cohort}={value}"] = {
            "patients": len(group),
            "tumor_patients": len(with_tumor),
            "persons": len(set(persons_of(group["patient"]))),
            "tumor_persons": len(set(persons)),
            "few": bool(group["few"].iloc[0]),
            "volume_dice_mean": spread.value,
            "volume_dice_mean_low95": spread.low,
            "volume_dice_mean_high95": spread.high,
        }
    return found


def _weighted(values: pd.Series, weights: np.ndarray) -> float | None:
    return float(np.average(values, weights=weights)) if weights.sum() else None
