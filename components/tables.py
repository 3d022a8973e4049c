"""The two tables that later steps read: the manifest, one row a slice, and the splits, one row a patient."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from components.errors import UserError

SIDES = ("train", "val", "test")
MANIFEST_COLUMNS = [
    *("patient", "site", "synthetic", "slice", "has_tumor", "tumor_pixels"),
    *("missing_pre", "missing_post", "pixel_hash"),
]
SPLITS_COLUMNS = ["patient", "site", "split", "fold"]
# Names and hashes may look like numbers ("007", "12e4"); they are not.
TEXT = {"patient": str, "site": str, "pixel_hash": str, "split": str}


def read_manifest(path: str | Path) -> pd.DataFrame:
    """Read data/manifest.csv; `pixel_hash` is "" for blank slices."""
    return _read(path, MANIFEST_COLUMNS, "ingest").fillna({"pixel_hash": ""})


def read_splits(path: str | Path) -> pd.DataFrame:
    """Read data/splits.csv."""
    return _read(path, SPLITS_COLUMNS, "split")


def _read(path: str | Path, columns: list[str], stage: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=TEXT, keep_default_na=True)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a table; run `dvc repro {stage}`") from error
    lacking = [column for column in columns if column not in table]
    if lacking:
        raise UserError(f"{path}: lacks the column(s) {', '.join(lacking)}; run `dvc repro {stage}`")
    return table
