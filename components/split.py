"""Split by patient into train, val and test, and into folds; then audit the result for leaks.

Slices of one patient look alike. A split of slices instead of patients therefore measures memory: it inflates
brain-MRI scores by 29 to 55 points (Yagis et al. 2021, doi:10.1038/s41598-021-01681-w).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from components.errors import UserError
from components.files import atomic_file
from components.tables import read_manifest


def split_patients(manifest: pd.DataFrame, *, val: float, test: float, folds: int, seed: int) -> pd.DataFrame:
    """Assign every patient to a side and to a fold, balanced over sites and tumour burden.

    Patients are ordered by site, then by tumour pixels in thirds, then by a seeded hash of their name. Walking that
    order, each goes to the side that is furthest behind its share, so that every stretch of similar patients is dealt
    out evenly.

    Args:
        manifest: one row a slice; columns patient, site, tumor_pixels.
        val, test: shares of the patients, each in (0, 1), together below 1. Every side gets at least one patient.
        folds: number of folds; fold numbers run from 0.
        seed: another seed, another split.

    Returns:
        One row a patient, sorted by name: patient, site, split, fold.
    """
    patients = manifest.groupby("patient").agg(site=("site", "first"), burden=("tumor_pixels", "sum")).reset_index()
    patients["third"] = (patients["burden"].rank(method="first") - 1) * 3 // len(patients)
    patients["hash"] = [hashlib.sha256(f"{seed}/{name}".encode()).hexdigest() for name in patients["patient"]]
    patients = patients.sort_values(["site", "third", "hash"]).reset_index(drop=True)

    shares = {"test": test, "val": val, "train": 1.0 - val - test}
    quota = {side: max(1, round(share * len(patients))) for side, share in shares.items() if side != "train"}
    quota["train"] = len(patients) - sum(quota.values())
    if quota["train"] < 1:
        raise UserError(
            f"data/manifest.csv: {len(patients)} patients are too few for this split; lower split.val and split.test"
        )
    given = dict.fromkeys(quota, 0)
    sides = []
    for position in range(1, len(patients) + 1):
        open_sides = [side for side in quota if given[side] < quota[side]]
        side = max(open_sides, key=lambda side: (quota[side] * position / len(patients) - given[side], side))
        given[side] += 1
        sides.append(side)
    patients["split"] = sides
    patients["fold"] = patients.index % folds
    return patients.sort_values("patient")[["patient", "site", "split", "fold"]].reset_index(drop=True)


def find_leaks(manifest: pd.DataFrame, splits: pd.DataFrame) -> list[str]:
    """List what train, val and test share: a patient on two sides, or the same picture on two sides."""
    leaks = []
    sides = splits.groupby("patient")["split"].nunique()
    leaks += [f"patient {name} is on {count} sides" for name, count in sides[sides > 1].items()]
    seen = manifest.merge(splits[["patient", "split"]], on="patient")
    seen = seen[seen["pixel_hash"] != ""]
    for _, group in seen.groupby("pixel_hash"):
        if group["split"].nunique() > 1:
            where = ", ".join(f"{row.patient} slice {row.slice} ({row.split})" for row in group.itertuples())
            leaks.append(f"the same picture is on two sides: {where}")
    return leaks


def split(manifest: str | Path, splits: str | Path, *, val: float, test: float, folds: int, seed: int) -> pd.DataFrame:
    """Read the manifest, write `splits` (CSV, one row a patient); raises UserError where the audit finds a leak."""
    slices = read_manifest(manifest)
    patients = split_patients(slices, val=val, test=test, folds=folds, seed=seed)
    leaks = find_leaks(slices, patients)
    if leaks:
        more = f" (and {len(leaks) - 1} more)" if len(leaks) > 1 else ""
        raise UserError(f"{manifest}: leak between the sides: {leaks[0]}{more}; take one of the two out of the source")
    with atomic_file(splits) as part:
        patients.to_csv(part, index=False)
    return patients
