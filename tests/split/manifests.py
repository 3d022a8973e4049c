"""Manifests to split, and a look-up of the resulting splits."""

from __future__ import annotations

import pandas as pd

from components.split.rule import SplitRule

RULE = SplitRule(val=0.2, test=0.2, folds=5, seed=1)


def manifest_of(burdens, sites=("A", "B"), subjects=None):
    names = [f"p{i:03d}" for i in range(len(burdens))]
    return pd.DataFrame(
        [
            {
                "patient": names[i],
                "subject": subjects[i] if subjects else names[i],
                "site": sites[i % len(sites)],
                "slice": n,
                "tumor_pixels": burden,
                "pixel_hash": f"{i}-{n}",
                "perceptual_hash": "",
            }
            for i, burden in enumerate(burdens)
            for n in (1, 2)
        ]
    )


def splits_of(splits):
    return splits.set_index("patient")["split"].to_dict()
