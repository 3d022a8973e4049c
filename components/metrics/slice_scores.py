"""Metrics of the slice classifier, by slice and by patient; no accuracy, because most slices are empty."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_curve

from components.metrics.calibration import ece, ece_if_calibrated, reliability


def classifier_scores(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, float | int | None]:
    """Scores of the slice classifier.

    Args:
        labels: {0, 1} [slices].
        probabilities: 0..1 [slices].
        threshold: lowest probability that counts as positive.

    Returns:
        auroc (floor 0.5), pr_auc (average precision; floor: proportion of positives), sensitivity and specificity at
        the threshold, sensitivity at 95 % specificity; None if a class that it needs is missing. ece (15 bins of equal
        mass; floor: proportion of positives) and ece_if_calibrated, what chance alone would give; None without slices.
    """
    labels, positive = np.asarray(labels, bool), np.asarray(probabilities) >= threshold
    both = bool(labels.any() and not labels.all())
    share = float(labels.mean()) if len(labels) else None
    return {
        "slices": len(labels),
        "auroc": auroc(labels, probabilities),
        "auroc_floor": 0.5,
        "pr_auc": float(average_precision_score(labels, probabilities)) if both else None,
        "pr_auc_floor": share,
        "sensitivity": _mean(positive[labels]),
        "specificity": _mean(~positive[~labels]),
        "sensitivity_at_95_specificity": sensitivity_at(labels, probabilities, 0.95) if both else None,
        "threshold": float(threshold),
        "ece": ece(reliability(probabilities, labels)),
        "ece_floor": share,
        "ece_if_calibrated": ece_if_calibrated(probabilities),
    }


def auroc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Area under the ROC curve, 0..1, chance 0.5; None if one of the two classes is missing.

    Computed from ranks (Mann & Whitney 1947), fast enough for a thousand bootstrap draws: the fraction of pairs of a
    slice with tumour and one without in which the former has the higher probability, ties counting half.
    """
    with_tumor = np.asarray(labels, bool)
    positive, negative = int(with_tumor.sum()), int((~with_tumor).sum())
    if not (positive and negative):
        return None
    above = rankdata(probabilities)[with_tumor].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def sensitivity_at(labels: np.ndarray, probabilities: np.ndarray, specificity: float) -> float:
    """Highest sensitivity among the thresholds whose specificity is at least the given one."""
    false_positive_rate, true_positive_rate, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    return float(true_positive_rate[false_positive_rate <= 1 - specificity + 1e-12].max())


def by_patient(patients: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> pd.DataFrame:
    """Count what the classifier finds in each patient.

    Args:
        patients: patient of each slice [slices].
        labels: {0, 1} [slices].
        probabilities: 0..1 [slices].
        threshold: lowest probability that counts as positive.

    Returns:
        One row per patient, sorted by name: patient, slices, tumor_slices, found (tumour slices at the threshold or
        above), false_alarms (empty slices at the threshold or above), sensitivity and specificity (NaN without slices
        of their class).
    """
    truth, positive = np.asarray(labels, bool), np.asarray(probabilities) >= threshold
    rows = pd.DataFrame(
        {
            "patient": patients,
            "slices": 1,
            "tumor_slices": truth,
            "found": truth & positive,
            "false_alarms": ~truth & positive,
        }
    )
    table = rows.groupby("patient").sum().astype(int)
    table["sensitivity"] = table["found"] / table["tumor_slices"]
    table["specificity"] = 1 - table["false_alarms"] / (table["slices"] - table["tumor_slices"])
    return table.reset_index()


def summarise_slices(table: pd.DataFrame) -> dict[str, float | int | None]:
    """Summarise a table of `by_patient`, with the same weight for each patient.

    Returns:
        patients; patients_missed: tumour patients without a single slice found; sensitivity_by_patient_mean (floor 0)
        and _min; specificity_by_patient_mean (floor 1); each mean over the patients that have it, None if none has.
    """
    tumor = table[table["tumor_slices"] > 0]
    sensitivity, specificity = tumor["sensitivity"], table["specificity"].dropna()
    return {
        "patients": len(table),
        "patients_missed": int((tumor["found"] == 0).sum()),
        "sensitivity_by_patient_mean": _mean(sensitivity.to_numpy()),
        "sensitivity_by_patient_min": float(sensitivity.min()) if len(tumor) else None,
        "specificity_by_patient_mean": _mean(specificity.to_numpy()),
    }


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
