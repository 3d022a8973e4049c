"""The tables that later steps read: the manifest, the splits, and the ledger of all splits so far."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from components.common.errors import UserError

SPLIT_NAMES = ("train", "val", "test")
MANIFEST_COLUMNS = [
    *("patient", "subject", "site", "synthetic", "slice", "has_tumor", "tumor_pixels", "missing_pre", "missing_post"),
    *("mean_pre", "std_pre", "mean_flair", "std_flair", "mean_post", "std_post", "pixel_hash", "perceptual_hash"),
    *("review", "review_by", "train_only"),
]
REVIEW_DEFAULTS: dict[str, str | int] = {"review": "", "review_by": "", "train_only": 0}
SPLITS_COLUMNS = ["patient", "subject", "site", "split", "fold"]
LEDGER_COLUMNS = ["subject", "split", "fold", "recipe"]
PROBLEM_COLUMNS = ["kind", "action", "patient", "where", "what", "remedy"]
# Names and hashes may look like numbers ("007", "12e4") but must stay text.
TEXT = dict.fromkeys(
    (*("patient", "subject", "site", "pixel_hash", "perceptual_hash", "split", "recipe"), "review", "review_by"), str
)


def read_manifest(path: str | Path) -> pd.DataFrame:
    """Read data/manifest.csv; a hash is "" if the slice shows too little, `review` is "" if there was none."""
    needed = [column for column in MANIFEST_COLUMNS if column not in REVIEW_DEFAULTS]
    return with_reviews(_read(path, needed, "ingest").fillna({"pixel_hash": "", "perceptual_hash": ""}))


def with_reviews(manifest: pd.DataFrame) -> pd.DataFrame:
    """Fill in the columns of a review for patients, or whole manifests, without any."""
    filled = manifest.assign(**{name: value for name, value in REVIEW_DEFAULTS.items() if name not in manifest})
    return filled.fillna(REVIEW_DEFAULTS)


def read_splits(path: str | Path) -> pd.DataFrame:
    """Read data/splits.csv."""
    return _read(path, SPLITS_COLUMNS, "split")


def read_ledger(path: str | Path) -> pd.DataFrame:
    """Read data/ledger.csv: the split and fold that each person was ever assigned, and by which recipe."""
    return _read(path, LEDGER_COLUMNS, "split")


def read_table(path: str | Path, stage: str, numbers: Collection[str] | None = None) -> pd.DataFrame:
    """Read a table that a stage has written; names and hashes stay text.

    Args:
        path: CSV file.
        stage: stage of dvc.yaml that writes it.
        numbers: columns in which an empty field is NaN, while it is "" in all others; None makes it NaN in all.

    Raises:
        UserError: the file is missing, or is not a table.
    """
    try:
        # A patient may be called "NA" or "None"; only an empty field is missing.
        missing = [""] if numbers is None else {name: [""] for name in numbers}
        return pd.read_csv(path, dtype=TEXT, keep_default_na=False, na_values=missing)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a table; run `dvc repro {stage}`") from error


def _read(path: str | Path, columns: list[str], stage: str) -> pd.DataFrame:
    table = read_table(path, stage)
    lacking = [column for column in columns if column not in table]
    if lacking:
        raise UserError(f"{path}: lacks the column(s) {', '.join(lacking)}; run `dvc repro {stage}`")
    return table
