"""Drift: do two groups of patients look as if they came from the same scanners and had the same disease?

The unit is the person, not the slice or the examination: those of one person are alike, so a test over slices finds a
difference between any two handfuls of persons. Numbers are compared with the two-sample Kolmogorov-Smirnov test,
proportions with Fisher's exact test, and p-values are adjusted for the number of features (Benjamini and Hochberg
1995).
"""

from __future__ import annotations

import pandas as pd
from scipy.stats import false_discovery_control, fisher_exact, ks_2samp

from components.scans.identity import subject_of

BINARY = ("missing_pre", "missing_post")
SHARE = "predicted_tumor_share"
FEW = 5  # with fewer persons in a group, not even the most extreme ordering is significant
COLUMNS = ["feature", "reference", "new", "distance", "p", "drift"]


def by_patient(manifest: pd.DataFrame) -> pd.DataFrame:
    """Average each patient's slices.

    Args:
        manifest: one row per slice; of its columns, patient, mean_* and std_* (intensities), `BINARY` (0 or 1) and
            `SHARE` are used, as far as they exist.

    Returns:
        One row per patient, indexed by name, with the mean of each of these columns.
    """
    names = [name for name in manifest if name.startswith(("mean_", "std_")) or name in (*BINARY, SHARE)]
    return manifest.groupby("patient")[names].mean()


def by_person(patients: pd.DataFrame) -> pd.DataFrame:
    """Average the examinations of each person; takes rows of `by_patient`, returns one row per person."""
    return patients.groupby([subject_of(str(name)) for name in patients.index]).mean()


def compare(reference: pd.DataFrame, new: pd.DataFrame, level: float) -> pd.DataFrame:
    """Compare two groups of patients.

    Args:
        reference, new: one row per patient, from `by_patient`; compared are the means of each person.
        level: significance level for adjusted p-values, (0, 1).

    Returns:
        One row per feature, columns `COLUMNS`: medians (proportions for yes and no) of both groups, the largest
        distance of their cumulative distributions (the difference of the proportions) in 0..1, p, adjusted for the
        features with enough patients, and "yes", "no" or "too few patients", if fewer than `FEW` persons of a group
        have a value.
    """
    rows = []
    reference, new = by_person(reference), by_person(new)
    for name in reference.columns.intersection(new.columns):
        one, other = reference[name].dropna(), new[name].dropna()
        if name in BINARY:
            counts = [[int((group > 0.5).sum()), int((group <= 0.5).sum())] for group in (one, other)]
            summary = [yes / max(1, yes + no) for yes, no in counts]
            distance, p = abs(summary[0] - summary[1]), float(fisher_exact(counts).pvalue)
        else:
            summary = [float(one.median()), float(other.median())]
            test = ks_2samp(one, other)
            distance, p = float(test.statistic), float(test.pvalue)
        rows.append((name, *summary, distance, p, min(len(one), len(other)) < FEW))
    table = pd.DataFrame(rows, columns=[*COLUMNS[:-1], "few"])
    few = table.pop("few")
    if not few.all():
        table.loc[~few, "p"] = false_discovery_control(table.loc[~few, "p"])
    table["drift"] = table["p"].lt(level).map({True: "yes", False: "no"}).mask(few, "too few patients")
    return table


def describe_drift(table: pd.DataFrame) -> list[str]:
    """Describe in words the drifted features of a table from `compare`."""
    return [
        f"{row.feature}: {row.reference:.3g} before, {row.new:.3g} now (distance {row.distance:.2f}, p {row.p:.2g})"
        for row in table[table["drift"] == "yes"].itertuples()
    ]


def between_splits(manifest: pd.DataFrame, splits: pd.DataFrame, level: float) -> pd.DataFrame:
    """Compare val and test with train.

    Args:
        manifest: one row per slice, see `by_patient`.
        splits: columns patient and split.
        level: significance level for adjusted p-values, (0, 1).

    Returns:
        Columns of `compare`, and `split`, "val" or "test".
    """
    patients = by_patient(manifest)
    split_of = splits.set_index("patient")["split"].reindex(patients.index)
    parts = [
        compare(patients[split_of == "train"], patients[split_of == split], level).assign(split=split)
        for split in ("val", "test")
    ]
    return pd.concat(parts, ignore_index=True)


def format_table(table: pd.DataFrame) -> str:
    """Format a table from `compare` as text."""
    shown = table.copy()
    for column in ("reference", "new", "distance"):
        shown[column] = shown[column].map("{:.3g}".format)
    shown["p"] = shown["p"].map("{:.2g}".format)
    return shown.to_string(index=False)
