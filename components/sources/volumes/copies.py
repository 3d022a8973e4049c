"""Two sequences that are one picture: a file copied under another name, perhaps scaled on the way."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from components.scans.scan import CHANNELS
from components.sources.reading import Reading
from components.sources.volumes.volume import Volume

SAMPLE = 20_000  # voxels, enough to see that two sequences differ
ROUNDING = 0.5  # most, as a root mean square, that rounding to whole numbers changes, in steps
# The same for broken numbers, as a fraction of their standard deviation. The noise of two acquisitions is above both.
EXACT = 1e-3
REMEDY = "add the right one, or take the copy out: FLAIR stands in for a missing T1"
LEVELS = 16  # with fewer values, unlike pictures may look alike


def check(volumes: Mapping[str, Volume], where: str, reading: Reading, *, of_stack: bool) -> None:
    """Record sequences that are one picture, all voxels equal or equal after a linear scale.

    Args:
        volumes: sequences by name, with FLAIR among them.
        where: name of the patient in problems.
        reading: reading that records problems: of kind "series", because nobody can know which of the two it is.
        of_stack: whether they are channels of one file; there, a copy of FLAIR is how a missing sequence is written.
    """
    pictures = {name: volume.data for name, volume in volumes.items()}
    if of_stack:
        pictures = {name: one for name, one in pictures.items() if not _is_copy(one, volumes["flair"].data)}
    for one, other in combinations(sorted(pictures), 2):
        if _is_copy(pictures[one], pictures[other]):
            what = f"{one} and {other} are the same picture, so one of them is a copy under a wrong name"
            reading.add("series", where, what, REMEDY)


def check_slices(image: np.ndarray, where: str, reading: Reading) -> None:
    """Record that T1 with and without agent are equal on all slices, uint8 [..., 3], and no copies of FLAIR."""
    pre, flair, post = (image[..., i] for i in range(len(CHANNELS)))
    if np.array_equal(pre, post) and not np.array_equal(pre, flair):
        reading.add("choice", where, "pre and post are the same picture, so one of them is a copy", REMEDY)


def _is_copy(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    step = one.size // SAMPLE | 1  # odd, so that it doesn't keep to one column of a power of two
    return _is_scaled(one.ravel()[::step], other.ravel()[::step]) and _is_scaled(one.ravel(), other.ravel())


def _is_scaled(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether the best straight line from one array's values to the other's leaves no more than rounding."""
    inside = (one != one.min()) | (other != other.min())
    x, y = one[inside].astype(np.float64), other[inside].astype(np.float64)
    if min(len(np.unique(values[:SAMPLE])) for values in (x, y)) < LEVELS:
        return False
    x, y = x - x.mean(), y - y.mean()
    slope = float(x @ y / (x @ x))
    left = float((y - slope * x).std())
    steps = max(float(np.issubdtype(other.dtype, np.integer)), abs(slope) * np.issubdtype(one.dtype, np.integer))
    return left <= max(EXACT * float(y.std()), ROUNDING * steps)
