"""What the manifest says of the patients: their sites, missing sequences and reviews."""

from __future__ import annotations

from typing import Any

import pandas as pd

from components.common.tables import with_reviews


def describe_patients(manifest: pd.DataFrame) -> pd.DataFrame:
    """One row per patient: site, synthetic, missing_sequence ("none", "pre", "post" or "pre+post"), review."""
    described = (
        with_reviews(manifest)
        .groupby("patient")
        .agg(
            site=("site", "first"),
            synthetic=("synthetic", "max"),
            pre=("missing_pre", "max"),
            post=("missing_post", "max"),
            review=("review", "first"),
        )
    )
    described["missing_sequence"] = [
        "+".join(name for name, flag in (("pre", pre), ("post", post)) if flag) or "none"
        for pre, post in zip(described["pre"], described["post"], strict=True)
    ]
    return described.drop(columns=["pre", "post"]).reset_index()


def reviews(manifest: pd.DataFrame) -> list[dict[str, Any]]:
    """The reviews that references of the data come from, by name: review, reviewer, and patients by decision.

    Patients stay anonymous. An empty list if nobody has reviewed any.
    """
    patients = with_reviews(manifest).drop_duplicates("patient")
    found = []
    for named, rows in patients[patients["review"] != ""].groupby("review_by"):
        review, _, reviewer = str(named).partition(" ")
        counts = {name: int((rows["review"] == name).sum()) for name in ("accepted", "corrected")}
        found.append(
            {"review": review, "reviewer": reviewer, **counts, "train_only": int((rows["train_only"] > 0).sum())}
        )
    return found
