"""Lesion counts, compared with an independent flood fill."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from components.metrics.lesions import lesion_scores

SPACING = (5.0, 1.0, 2.0)
masks = arrays(bool, (3, 5, 6))


def flood_fill(mask):
    """Components of a mask by flood fill, as sets of voxels: an independent way to label them."""
    unvisited, found = {tuple(voxel) for voxel in np.argwhere(mask)}, []
    while unvisited:
        frontier, component = [unvisited.pop()], set()
        while frontier:
            voxel = frontier.pop()
            component.add(voxel)
            neighbours = {tuple(np.add(voxel, step)) for step in product((-1, 0, 1), repeat=3)} & unvisited
            unvisited -= neighbours
            frontier += neighbours
        found.append(component)
    return found


@settings(deadline=None, max_examples=50)
@given(masks, masks)
def test_lesion_counts_match_a_flood_fill(reference, prediction):
    true, predicted = flood_fill(reference), flood_fill(prediction)
    voxels = {tuple(voxel) for voxel in np.argwhere(reference)}, {tuple(voxel) for voxel in np.argwhere(prediction)}
    found = [len(one) for one in true if one & voxels[1]]
    missed = [len(one) for one in true if not one & voxels[1]]
    scores = lesion_scores(reference, prediction, SPACING)
    assert (scores["lesions"], scores["lesions_found"]) == (len(true), len(found))
    assert scores["false_lesions"] == sum(not one & voxels[0] for one in predicted)
    assert scores["smallest_found_ml"] == (pytest.approx(min(found) * 0.01) if found else None)
    assert scores["largest_missed_ml"] == (pytest.approx(max(missed) * 0.01) if missed else None)
