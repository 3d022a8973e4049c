"""Score: predictions.csv, from `glioflow predict` or any other tool, against reference masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.common.errors import UserError
from components.metrics.mask_scores import patient_scores
from components.metrics.patient_summary import summarise_patients
from components.metrics.slice_scores import by_patient, classifier_scores, summarise_slices
from components.predict.recorded_options import RecordedOptions
from components.predict.results import COLUMNS, PREDICTIONS
from components.scans import rle
from components.scans.scan import Scan
from components.sources import Source
from components.sources.inputs import open_input


def score(predictions: Path, truth: str, model: Path | None = None, seed: int = 0) -> dict[str, Any]:
    """Compare predictions with the masks beside the scans at `truth`.

    Args:
        predictions: table, or the folder that holds it; EncodedPixels refer to the scan's own slices.
        truth: scans with reference masks, see `open_input`.
        model: folder of the model that predicted, which tells how volumes were resampled to slices; needed only if the
            prediction does not record that, see `RecordedOptions`.
        seed: seed of the bootstraps.

    Returns:
        classifier, layered: see `classifier_scores` and `summarise_patients`; patients: scores of each; unscored:
        number of patients with only one of scan and prediction, "without_truth" and "without_prediction"; other_scans:
        number of those scored whose scan is not, voxel by voxel, the one that the prediction recorded.

    Raises:
        UserError: the table is missing or malformed, a patient's slices don't match its scan, no patient is in both, or
            nothing tells how volumes were resampled, or `model` contradicts what does.
    """
    table = read_predictions(predictions)
    with open_input(truth) as source:
        common = [patient for patient in source.patients if patient in table.groups]
        if not common:
            raise UserError(f"{truth}: holds none of the patients in {predictions}; give the scans that were predicted")
        scored = list(_scored(table, source, common, RecordedOptions(predictions, model)))
        unscored = {
            "without_truth": len(table.groups) - len(common),
            "without_prediction": len(source.patients) - len(common),
        }
    labels, probabilities, positive, names = (
        np.concatenate(column) for column in zip(*(one[1] for one in scored), strict=True)
    )
    rows = [one[0] for one in scored]
    # The table does not record the threshold, only which slices passed it.
    passed = probabilities[positive]
    threshold = float(passed.min()) if len(passed) else float(np.nextafter(probabilities.max(), 2))
    return {
        "classifier": {
            **classifier_scores(labels, probabilities, threshold),
            **summarise_slices(by_patient(names, labels, probabilities, threshold)),
        },
        "layered": summarise_patients(rows, seed),
        "unscored": unscored,
        "other_scans": sum(one[2] for one in scored),
        "patients": rows,
    }


def read_predictions(path: Path) -> Any:
    """Read a table of predictions.

    Args:
        path: the table, or the folder that holds it as predictions.csv.

    Returns:
        DataFrameGroupBy by patient, rows in order of slice, with the columns `COLUMNS`.

    Raises:
        UserError: the table is missing or unreadable, has other columns, or values out of range.
    """
    file = path / PREDICTIONS if path.is_dir() else path
    try:
        table = pd.read_csv(file, dtype={"patient": str, "EncodedPixels": str}, keep_default_na=False)
        if list(table.columns) != list(COLUMNS):
            raise UserError(f"{file}: its columns are not {','.join(COLUMNS)}; write it with `glioflow predict`")
        numbers = table[["slice", "tumor_probability", "has_tumor"]].to_numpy(float)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{file}: not readable as a table of predictions ({type(error).__name__}); predict again"
        ) from error
    usable = np.isfinite(numbers).all() and ((numbers[:, 1] >= 0) & (numbers[:, 1] <= 1)).all()
    if not usable or not np.isin(numbers[:, 2], (0, 1)).all():
        raise UserError(f"{file}: probabilities must be 0 to 1 and has_tumor 0 or 1; predict again")
    return table.sort_values(["patient", "slice"]).groupby("patient")


def _scored(table: Any, source: Source, patients: list[str], recorded: RecordedOptions) -> Iterator[tuple]:
    """Yield each patient's scores; by slice, label, probability, whether called tumour, and patient; see `is_other`."""
    for patient in patients:
        options = recorded.of(patient)
        reading = source.read(patient, options)
        scan = reading.scan
        if options is None and scan is not None and scan.source is not None:  # 2-D images keep their own pixels
            raise recorded.unknown()
        if scan is None or scan.mask is None:
            reason = str(reading.problems[0]) if reading.problems else "no reference mask"
            raise UserError(f"{patient}: can't be scored: {reason}")
        rows = table.get_group(patient)
        predicted = _masks(rows, scan)
        truth = scan.mask.any(axis=(1, 2))
        yield (
            {"patient": patient, **patient_scores(scan.mask, predicted, scan.spacing)},
            (
                truth,
                rows["tumor_probability"].to_numpy(),
                rows["has_tumor"].to_numpy() > 0,
                np.full(len(truth), patient),
            ),
            recorded.is_other(scan),
        )


def _masks(rows: pd.DataFrame, scan: Scan) -> np.ndarray:
    """Decode a patient's masks, bool [slices, height, width]."""
    assert scan.mask is not None
    slices, height, width = scan.mask.shape
    if rows["slice"].tolist() != list(range(1, slices + 1)):
        raise UserError(
            f"{scan.patient}: its predictions are not those of slices 1 to {slices}; predict these scans again"
        )
    try:
        return np.stack([rle.decode(text, height, width) for text in rows["EncodedPixels"]])
    except ValueError as error:
        raise UserError(f"{scan.patient}: EncodedPixels: {error}; predict these scans again") from error
