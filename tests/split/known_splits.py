"""Sixteen persons, and the splits and folds that they are known to get."""

from __future__ import annotations

import pandas as pd
from hypothesis import strategies as st

from components.split.assign import assign_splits
from components.split.rule import SplitRule

PERSONS = ("anna", "bert", "cora", "dora", "emil", "fred", "gina", "hans")

PERSONS += ("inge", "jens", "kurt", "lena", "mona", "nils", "olga", "paul")

MANIFEST = pd.DataFrame(
    [
        {"patient": f"{name}-{n}", "subject": name, "site": "ABC"[i % 3], "tumor_pixels": (i * 37 + n) % 23 * 10}
        for i, name in enumerate(PERSONS)
        for n in range(1 + i % 2)
    ]
)

RULE = SplitRule(val=0.2, test=0.25, folds=4, seed=7)

FOLDS = dict(zip(PERSONS, [2, 1, 0, 0, 0, 3, 3, 3, 2, 1, 2, 3, 1, 2, 1, 0], strict=True))


def assigned(column="split", rule=RULE, before=None, manifest=MANIFEST):
    """Split, or other `column`, that each person gets."""
    table = assign_splits(manifest, rule, before)
    assert (table.groupby("subject")[column].nunique() == 1).all()
    return table.groupby("subject")[column].first().to_dict()


def names_in(split_name, splits):
    return " ".join(name for name, found in splits.items() if found == split_name)


shares = st.sampled_from([0.1, 0.15, 0.2, 0.3])
