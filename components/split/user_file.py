"""A user's own split, read from a file."""

from __future__ import annotations

import pandas as pd

from components.common.errors import UserError
from components.common.tables import SPLIT_NAMES, TEXT


def read_own_split(path: str, manifest: pd.DataFrame) -> pd.DataFrame:
    """Read a CSV with the columns patient, split (train, val or test) and, optionally, fold.

    Returns:
        One row for each patient of the manifest, columns patient, subject, split, fold; other patients are ignored.

    Raises:
        UserError: a patient is missing, a person is in two splits, a split is empty, or the table is malformed.
    """
    own = read_rows(path)
    own = own.reindex(columns=["patient", "split", "fold"]).drop_duplicates()
    patients = manifest[["patient", "subject"]].drop_duplicates().merge(own, on="patient", how="left")
    lacking = patients.loc[patients["split"].isna(), "patient"]
    if len(lacking):
        raise UserError(
            f"{path}: {len(lacking)} patient(s) of the source are not in it, {lacking.iloc[0]} first; add them"
        )
    conflicting = patients.groupby("subject")["split"].nunique()
    if (conflicting > 1).any():
        raise UserError(f"{path}: patient {conflicting.idxmax()} is in {conflicting.max()} splits; choose one of them")
    if set(patients["split"]) != set(SPLIT_NAMES):
        raise UserError(
            f"{path}: no patient is in {' or '.join(sorted(set(SPLIT_NAMES) - set(patients['split'])))}; add some"
        )
    return patients


def read_rows(path: str) -> pd.DataFrame:
    """Read the table as it is; columns patient, split and perhaps others.

    Raises:
        UserError: the table is malformed.
    """
    try:
        own = pd.read_csv(path, dtype=TEXT, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a table; split.file needs a CSV with patient and split") from error
    if not {"patient", "split"} <= set(own):
        raise UserError(f"{path}: lacks the column patient or split; add it")
    if not own["split"].isin(SPLIT_NAMES).all():
        raise UserError(f"{path}: split holds words other than {', '.join(SPLIT_NAMES)}; correct them")
    if "fold" in own:
        folds = pd.to_numeric(own["fold"].dropna(), errors="coerce")  # patients without a fold are assigned one
        if not (folds.mod(1).eq(0) & folds.ge(0)).all():
            raise UserError(f"{path}: fold holds values other than whole numbers from 0 on; correct them")
    return own
