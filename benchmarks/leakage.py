"""What a split of slices measures: `python benchmarks/leakage.py --source kaggle_3m`.

Every patient gets a random label, so there is nothing to learn, and an honest test scores 0.5. Anything above that is
memory: the classifier recognises the patient. Reference: Yagis et al. 2021, doi:10.1038/s41598-021-01681-w, where
networks reach 96 % on random labels with a split of slices, 50 % with one of patients.

The classifier is the nearest neighbour among slices of 32 x 32 pixels: memory and nothing else. Which slice is nearest
does not depend on the labels, so it is looked up once, and a labelling costs nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np
import pandas as pd
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from components.scans.slice_features import describe
from components.sources import Source, open_source
from components.sources.demo import write_demo
from components.split.assign import assign_splits
from components.split.rule import SplitRule

SIDE = 32
RULE = SplitRule(val=0.15, test=0.25, folds=5, seed=20260101)


def slices_of(source: Source) -> tuple[np.ndarray, pd.DataFrame]:
    """All slices, float32 [n, SIDE * SIDE * 3] on the scale 0..255, and their rows of the manifest."""
    features, rows = [], []
    for patient in source.patients:
        scan = source.read(patient).scan
        assert scan is not None
        rows += describe(scan, source.synthetic)
        for image in scan.image:
            small = Image.fromarray(np.ascontiguousarray(image)).resize((SIDE, SIDE), Image.Resampling.BOX)
            features.append(np.asarray(small, np.float32).ravel())
    return np.stack(features), pd.DataFrame(rows)


def nearest(features: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Of each slice the nearest slice in the other folds.

    Args:
        features: float32 [n, d].
        folds: fold of each slice, [n].

    Returns:
        Indices of slices, int [n].
    """
    found = np.empty(len(features), int)
    for fold in np.unique(folds):
        test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(features[train])
        found[test] = train[index.kneighbors(features[test], return_distance=False)[:, 0]]
    return found


def accuracies(
    features: np.ndarray, manifest: pd.DataFrame, labelings: int, rule: SplitRule = RULE
) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy of the nearest neighbour on random labels, cross-validated over all slices.

    Args:
        features: float32 [n, d].
        manifest: one row a slice, [n]; columns patient, subject, site, tumor_pixels.
        labelings: how often labels are drawn; each gives one half of the persons 0, the other half 1.
        rule: folds and seed.

    Returns:
        Accuracies 0..1, [labelings] each: slices dealt out to folds at random, and the folds of `assign_splits`.
        There chance is a little less than 0.5: of n persons, n / 2 - 1 of the n - 1 others have one's own label.
    """
    rng = np.random.default_rng(rule.seed)
    splits = assign_splits(manifest, rule).set_index("patient")
    by_slice = nearest(features, rng.permutation(len(features)) % rule.folds)
    by_patient = nearest(features, manifest["patient"].map(splits["fold"]).to_numpy())
    persons, person = np.unique(manifest["subject"], return_inverse=True)
    labels = np.stack([rng.permutation(len(persons)) % 2 for _ in range(labelings)])[:, person]
    return (labels == labels[:, by_slice]).mean(axis=1), (labels == labels[:, by_patient]).mean(axis=1)


@click.command()
@click.option("--source", type=click.Path(exists=True, path_type=Path), help="Without it, 36 synthetic patients.")
@click.option("--labelings", default=100, show_default=True, type=click.IntRange(min=1))
def main(source: Path | None, labelings: int) -> None:
    """Train and test on labels drawn by lot, with slices split at random and with patients split."""
    with tempfile.TemporaryDirectory() as folder:
        if source is None:
            source = Path(folder) / "demo"
            write_demo(source, patients=36, slices=14, size=128, seed=RULE.seed)
        with open_source(source) as opened:
            features, manifest = slices_of(opened)
    persons = manifest["subject"].nunique()
    print(f"{persons} patients, {len(features)} slices, {labelings} labelings, {RULE.folds} folds\n")
    print("| split by | accuracy on random labels: mean | least | most |\n|---|---|---|---|")
    for name, found in zip(("slice", "patient"), accuracies(features, manifest, labelings), strict=True):
        print(f"| {name} | {found.mean():.3f} | {found.min():.3f} | {found.max():.3f} |")


if __name__ == "__main__":
    main()
