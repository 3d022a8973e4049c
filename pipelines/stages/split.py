"""Stage split: split the patients and audit the split."""

from __future__ import annotations

from components.common.params import Params
from components.common.tables import SPLIT_NAMES
from components.split.rule import SplitRule
from components.split.stage import split
from pipelines.paths import LEDGER, MANIFEST, SPLITS


def run(params: Params) -> None:
    """Split by patient and audit the split for leaks."""
    rule = params.split.model_dump()
    audit = {name: rule.pop(name) for name in ("near", "look_alikes")}
    table = split(MANIFEST, SPLITS, LEDGER, SplitRule(**rule, seed=params.seed), **audit)
    counts = table["split"].value_counts()
    print("patients: " + ", ".join(f"{name} {counts[name]}" for name in SPLIT_NAMES))
