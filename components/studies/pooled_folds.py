"""Cross-validation: the test patients of all folds together, each tested once by a model that has not seen it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from components.common.errors import UserError
from components.common.predictions import read_patients, read_slices, records
from components.metrics.patient_summary import column, summarise_patients
from components.metrics.slice_scores import auroc


def pool(folds: Sequence[Path], seed: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """Pool the evaluations of all folds.

    Args:
        folds: folders of predictions, one per fold.
        seed: seed of the bootstraps.

    Returns:
        Summary: `layered` and `segmenter` (gate on and off) over all patients, and `folds`, one entry each with
        patients, volume_dice_mean and auroc (slices of different folds come from different models, so there is no
        pooled one; auroc_mean is over folds). And the scores of all patients, gate on, with their fold.

    Raises:
        UserError: a patient was tested in two folds.
    """
    gated = [read_patients(folder).assign(fold=number) for number, folder in enumerate(folds)]
    patients = pd.concat(gated, ignore_index=True)
    twice = patients.loc[patients["patient"].duplicated(), "patient"]
    if len(twice):
        raise UserError(
            f"{folds[0].parent}: {len(twice)} patient(s) are in two folds; remove the folder and start again"
        )
    alone = pd.concat([read_patients(folder, "off") for folder in folds], ignore_index=True)
    slices = [read_slices(folder) for folder in folds]
    rows = [
        {
            "fold": number,
            "patients": len(table),
            "volume_dice_mean": summarise_patients(records(table), seed)["volume_dice_mean"],
            "auroc": auroc(labels["has_tumor"].to_numpy(), labels["tumor_probability"].to_numpy()),
        }
        for number, (table, labels) in enumerate(zip(gated, slices, strict=True))
    ]
    measured = column(rows, "auroc")
    return {
        "layered": summarise_patients(records(patients), seed),
        "segmenter": summarise_patients(records(alone), seed),
        "auroc_mean": float(measured.mean()) if len(measured) else None,
        "folds": rows,
    }, patients
