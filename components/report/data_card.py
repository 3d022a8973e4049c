"""The data card: which patients are in which split, and what ingest and the drift check found."""

from __future__ import annotations

from typing import Any

import pandas as pd

from components.common.problems import REMEDIES
from components.common.tables import SPLIT_NAMES
from components.report.formatting import count
from components.report.run_data import Run


def splits(run: Run) -> list[dict[str, Any]]:
    """Counts per split and in total: patients, persons, sites, slices, tumour slices, missing sequences."""
    slices = run.manifest.merge(run.splits[["patient", "split"]], on="patient")
    parts = [(name, slices[slices["split"] == name]) for name in SPLIT_NAMES]
    return [_counts(name, part) for name, part in [*parts, ("all", slices)]]


def _counts(name: str, part: pd.DataFrame) -> dict[str, Any]:
    missing = part.groupby("patient")[["missing_pre", "missing_post"]].max()
    per_site = part.groupby("site")["patient"].nunique()
    return {
        "split": name,
        "patients": part["patient"].nunique(),
        "persons": part["subject"].nunique(),
        "sites": ", ".join(f"{site} {patients}" for site, patients in per_site.items()),
        "slices": len(part),
        "tumor_share": part["has_tumor"].mean() if len(part) else None,
        "missing_pre": int(missing["missing_pre"].sum()),
        "missing_post": int(missing["missing_post"].sum()),
    }


def review_words(run: Run) -> list[str]:
    """Which references a human has reviewed, a sentence per review, and on which side of the split they are."""
    reviews = run.metrics.get("reviews", [])
    patients = run.manifest.drop_duplicates("patient").merge(run.splits[["patient", "split"]], on="patient")
    words = []
    for review in reviews:
        rows = patients[patients["review_by"] == f"{review['review']} {review['reviewer']}"]
        sides_of = ", ".join(f"{(rows['split'] == side).sum()} in {side}" for side in SPLIT_NAMES)
        words.append(
            f"Review {review['review']} by {review['reviewer']}: {count(review['corrected'], 'reference')} corrected, "
            f"{review['accepted']} accepted as they were; {sides_of}."
        )
    if any(review["train_only"] for review in reviews):
        words.append(
            "New patients whose reference started from a model's outline are used for training only: in testing, such "
            "a reference would favour that model."
        )
    return words


def problems(run: Run) -> list[dict[str, Any]]:
    """What ingest found, by kind and consequence; most frequent first."""
    return [
        {
            "kind": str(kind).replace("_", " "),
            "action": action,
            "count": len(rows),
            "patients": rows.loc[rows["patient"] != "", "patient"].nunique(),
            "remedy": REMEDIES.get(str(kind), ""),
        }
        for (kind, action), rows in sorted(
            run.problems.groupby(["kind", "action"]), key=lambda found: (-len(found[1]), found[0])
        )
    ]


def drift_words(run: Run) -> str:
    """Whether validation or test patients look unlike the training patients."""
    if run.drift is None:
        return "Drift between the splits was not measured."
    found = run.drift[run.drift["drift"] == "yes"]
    level = run.params.drift.level
    few = run.drift.loc[run.drift["drift"] == "too few patients", "split"].unique()
    if found.empty and len(few):
        return f"Drift could not be judged in every split: too few patients in {' and '.join(few)}."
    if found.empty:
        return (
            f"No drift: of {count(len(run.drift), 'comparison')} of validation and test patients with those of train, "
            f"none has an adjusted p-value below {level:g}."
        )
    names = ", ".join(f"{row.feature} ({row.split})" for row in found.itertuples())
    return f"DRIFT: these differ from the training patients (adjusted p-value below {level:g}): {names}."


def start_words(run: Run) -> list[str]:
    """What the networks started from, a sentence for each that started from a trained one."""
    return [
        f"The {network} started from a trained network, {', which started from '.join(made['started_from'])}, and so "
        f"has learned from that network's patients, too; {count(len(made['people']), 'person')} in all."
        for network, made in run.record["made_from"].items()
        if made.get("started_from")
    ]


def data_versions(run: Run) -> list[tuple[str, str, str]]:
    """What each network was made from: network, name of the input, SHA-256."""
    return [
        (network, what, str(made[what]) if made.get(what) else "none")
        for network, made in run.record["made_from"].items()
        for what in ("train", "val", "parameters", "code", "pretrained", "start")
    ]
