"""Whom to review: rows of a prediction's patients, or of held-out scores, the most doubtful first."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from components.common.errors import UserError
from components.predict.results import DONE, FAILED, PATIENTS
from components.scans.scan_files import mask_path


@dataclass(frozen=True)
class Row:
    """One patient of the list.

    Attributes:
        patient: name of the examination.
        doubt: 0..1; None if it was not measured.
        refer: whether the model asks for a human here.
        ml: volume of the mask to review; None if the images don't record the size of their pixels.
        voxels: the same in voxels; None if unknown.
        slices: slices with tumour; None if unknown.
    """

    patient: str
    doubt: float | None
    refer: bool
    ml: float | None
    voxels: int | None
    slices: int | None


def predicted(found: Path) -> list[Row]:
    """Patients that `glioflow predict` has predicted into a folder.

    Raises:
        UserError: the folder holds no finished prediction, or one without doubt.
    """
    rows = _table(found / PATIENTS, "patient", "status", "doubt")
    done = [row for row in rows if row["status"] == DONE]
    if not done and any(row["status"] == FAILED for row in rows):
        raise UserError(f"{found}: no patient could be predicted; predict again")
    if any(row["doubt"] == "" for row in done):
        raise UserError(f"{found}: records no doubt; predict again with --doubt")
    return _ordered(
        [
            Row(
                row["patient"],
                _number(row["doubt"]),
                row.get("refer") == "1",
                _number(row.get("tumor_ml")),
                _whole(row.get("tumor_voxels")),
                _whole(row.get("tumor_slices")),
            )
            for row in done
        ]
    )


def held_out(table: Path) -> list[Row]:
    """Patients of a cross-validation; doubt is 1 - the volume Dice of the held-out prediction with the reference.

    A reference without tumour has no Dice: its doubt is 1 if the model draws something there, else 0.

    Raises:
        UserError: the table is not that of a cross-validation.
    """
    rows = _table(table, "patient", "volume_dice", "predicted_voxels")
    return _ordered(
        [
            Row(
                row["patient"],
                _disagreement(row),
                False,
                _number(row.get("reference_ml")),
                _whole(row.get("reference_voxels")),
                None,
            )
            for row in rows
        ]
    )


def held_out_masks(table: Path, folds: Path) -> dict[str, Path]:
    """Files of the held-out predictions of a cross-validation, as far as they are there, by patient.

    Args:
        table: see `held_out`.
        folds: folder that holds one for each fold.
    """
    places = {
        row["patient"]: mask_path(folds / f"fold-{row['fold']}", row["patient"])
        for row in _table(table, "patient")
        if row.get("fold", "").isdigit()
    }
    return {patient: path for patient, path in places.items() if path.is_file()}


def _disagreement(row: dict[str, str]) -> float:
    score = _number(row["volume_dice"])
    return float((_number(row["predicted_voxels"]) or 0) > 0) if score is None else 1 - score


def _ordered(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-math.inf if row.doubt is None else -row.doubt, row.patient))


def _table(path: Path, *columns: str) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: not readable as a table; give the folder of a finished `glioflow predict`") from error
    lacking = [name for name in columns if name not in (reader.fieldnames or ())]
    if lacking:
        raise UserError(f"{path}: lacks the column(s) {', '.join(lacking)}; write it again")
    return rows


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _whole(text: str | None) -> int | None:
    value = _number(text)
    return None if value is None else int(value)
