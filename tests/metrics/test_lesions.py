from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from components.metrics.lesions import lesion_scores

SPACING = (5.0, 1.0, 2.0)
masks = arrays(bool, (3, 5, 6))


def flooded(mask):
    """Components of a mask by flood fill, as sets of voxels: an independent way to label them."""
    left, found = {tuple(voxel) for voxel in np.argwhere(mask)}, []
    while left:
        edge, component = [left.pop()], set()
        while edge:
            voxel = edge.pop()
            component.add(voxel)
            around = {tuple(np.add(voxel, step)) for step in product((-1, 0, 1), repeat=3)} & left
            left -= around
            edge += around
        found.append(component)
    return found


@settings(deadline=None, max_examples=50)
@given(masks, masks)
def test_lesions_are_counted_as_a_flood_fill_counts_them(reference, prediction):
    true, drawn = flooded(reference), flooded(prediction)
    voxels = {tuple(voxel) for voxel in np.argwhere(reference)}, {tuple(voxel) for voxel in np.argwhere(prediction)}
    found = [len(one) for one in true if one & voxels[1]]
    missed = [len(one) for one in true if not one & voxels[1]]
    scores = lesion_scores(reference, prediction, SPACING)
    assert (scores["lesions"], scores["lesions_found"]) == (len(true), len(found))
    assert scores["false_lesions"] == sum(not one & voxels[0] for one in drawn)
    assert scores["smallest_found_ml"] == (pytest.approx(min(found) * 0.01) if found else None)
    assert scores["largest_missed_ml"] == (pytest.approx(max(missed) * 0.01) if missed else None)
