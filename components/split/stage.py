"""Split by patient into train, val and test, and into folds; a patient keeps its split when others are added.

Slices of one patient look alike. Splitting slices instead of patients therefore measures memory: it inflates brain-MRI
scores by 29 to 55 points (Yagis et al. 2021, doi:10.1038/s41598-021-01681-w).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from components.common.errors import UserError
from components.common.files import atomic_file
from components.common.tables import read_ledger, read_manifest
from components.scans.identity import in_one_notation
from components.split.assign import assign_splits
from components.split.leakage import find_leaks, find_look_alikes
from components.split.ledger import add_to_ledger
from components.split.rule import SplitRule

SHOWN = 20  # leaks shown on the screen
# Bits of 256. Most copies of real slices differ in fewer; slices of two persons differ in at least 28:
# benchmarks/near_duplicates.py.
NEAR = 20


def split(
    manifest: str | Path,
    splits: str | Path,
    ledger: str | Path,
    rule: SplitRule,
    *,
    near: int = NEAR,
    look_alikes: str = "refuse",
) -> pd.DataFrame:
    """Read the manifest and write `splits` (CSV, one row per patient), respecting earlier assignments in the ledger.

    Args:
        manifest: CSV written by ingest.
        splits: output CSV.
        ledger: CSV of every assignment so far; read if it exists, and rewritten.
        rule: how to split.
        near: number of bits by which hashes of images that look the same may differ, see `components.split.leakage`.
        look_alikes: "refuse" such images in different splits, or "warn".

    Returns:
        The written table: one row per patient, columns `SPLITS_COLUMNS`.

    Raises:
        UserError: the audit found a leak, or no valid split is possible; the first 20 leaks are printed, and nothing is
            written.
    """
    slices = read_manifest(manifest)
    before = _before(ledger) if Path(ledger).exists() else None
    table = assign_splits(slices, rule, before)
    leaks, alike = find_leaks(slices, table), find_look_alikes(slices, table, near)
    for line in [*leaks, *alike][:SHOWN]:
        print(f"leak: {line}")
    if len(leaks) + len(alike) > SHOWN:
        print(f"... and {len(leaks) + len(alike) - SHOWN} more")
    if look_alikes == "refuse":
        leaks += alike
    if leaks:
        more = f" (and {len(leaks) - 1} more)" if len(leaks) > 1 else ""
        way = "" if leaks[0] not in alike else "; if they are two persons, lower split.near"
        raise UserError(
            f"{manifest}: leak between splits: {leaks[0]}{more}; take one of the two out of the source{way}"
        )
    with atomic_file(splits) as part, atomic_file(ledger) as ledger_part:
        table.to_csv(part, index=False)
        add_to_ledger(before, table, rule).to_csv(ledger_part, index=False)
    return table


def _before(ledger: str | Path) -> pd.DataFrame:
    try:
        before = read_ledger(ledger)
    except UserError as error:
        raise UserError(f"{ledger}: not a ledger of splits; delete it to assign all patients anew") from error
    return before.assign(subject=before["subject"].map(in_one_notation))
