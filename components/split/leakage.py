"""The leakage audit: what do train, val and test share?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from components.scans.perceptual_hash import bits, mirrored

CHUNK = 4096


def find_leaks(manifest: pd.DataFrame, splits: pd.DataFrame) -> list[str]:
    """List what appears in two splits: a person, or the same pixels.

    Args:
        manifest: columns patient, subject, slice, pixel_hash, perceptual_hash.
        splits: columns patient, subject, split.
    """
    return [*_persons(splits), *_pixels(manifest, splits)]


def find_look_alikes(manifest: pd.DataFrame, splits: pd.DataFrame, near: int) -> list[str]:
    """List pairs of patients in different splits with images, or mirror images, that look the same.

    Args:
        manifest, splits: see `find_leaks`.
        near: number of bits, of 256, by which the hashes of such images may differ.
    """
    seen = manifest[manifest["perceptual_hash"] != ""].merge(splits[["patient", "split"]], on="patient")
    by_split = {name: group.reset_index(drop=True) for name, group in seen.groupby("split")}
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for one, other in combinations(sorted(by_split), 2):
        for left in _chunks(by_split[one]):
            here = bits(list(left["perceptual_hash"]))
            for right in _chunks(by_split[other]):
                there = bits(list(right["perceptual_hash"]))
                distances = (here.shape[1] - np.maximum(here @ there.T, mirrored(here) @ there.T)) / 2
                for i, j in np.argwhere(distances <= near):
                    a, b = left.iloc[i], right.iloc[j]
                    # For each pair of patients the closest images are shown; identical pixels are already reported as
                    # a leak.
                    if a["subject"] != b["subject"] and a["pixel_hash"] != b["pixel_hash"]:
                        what = f"{a['patient']} slice {a['slice']} ({one}), {b['patient']} slice {b['slice']} ({other})"
                        closest = (int(distances[i, j]), what)
                        pair = (a["patient"], b["patient"])
                        found[pair] = min(found.get(pair, closest), closest)
    return [
        f"images in two splits look the same ({distance} of 256 bits differ): {what}"
        for distance, what in found.values()
    ]


def _chunks(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for start in range(0, len(rows), CHUNK):
        yield rows.iloc[start : start + CHUNK]


def _persons(splits: pd.DataFrame) -> Iterator[str]:
    found = splits.groupby("subject")["split"].unique()
    for name, names in found[found.map(len) > 1].items():
        yield f"patient {name} is in {' and '.join(sorted(names))}"


def _pixels(manifest: pd.DataFrame, splits: pd.DataFrame) -> Iterator[str]:
    """One line for each pair of patients that share pixels, with the number of slices and the first of them."""
    seen = manifest[manifest["pixel_hash"] != ""].merge(splits[["patient", "split"]], on="patient")
    both = seen.merge(seen, on="pixel_hash")
    both = both[(both["split_x"] != both["split_y"]) & (both["patient_x"] < both["patient_y"])]
    for (one, other), rows in both.groupby(["patient_x", "patient_y"]):
        a = rows.iloc[0]
        yield (
            f"the same pixels are in two splits, {len(rows)} slice(s): {one} slice {a['slice_x']} ({a['split_x']}), "
            f"{other} slice {a['slice_y']} ({a['split_y']})"
        )
