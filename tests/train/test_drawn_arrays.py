"""Training batches as the parameters ask for them, from all slices or from some."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_training import SIZE, few_slices, tiny_training_params, with_changes

from components.train.drawn_arrays import drawn_arrays
from components.train.training_slices import Slices

SLICES = few_slices()
KNOWN = np.flatnonzero(SLICES.patients != 1)
NETWORKS = [
    ("classifier", {"imbalance": "none"}),
    ("classifier", {"imbalance": "weight"}),
    ("segmenter", {"paste": 0.0}),
    ("segmenter", {"paste": 0.0, "draw": "patients"}),
]


def drawn(folder, network, recipe, known=None, slices=SLICES):
    """The arrays of the first ten steps, one after the other."""
    params = with_changes(tiny_training_params(folder), network, neighbors=0, **recipe)
    arrays = drawn_arrays(params, network, slices, known)
    return [np.concatenate(kind) for kind in zip(*(arrays(step, 0, 1) for step in range(10)), strict=True)]


def different(pictures):
    return {picture.tobytes() for picture in pictures}


@pytest.mark.parametrize(("network", "recipe"), NETWORKS)
def test_all_known_slices_are_drawn_and_no_others(tmp_path, network, recipe):
    images, *_ = drawn(tmp_path, network, recipe, KNOWN)
    assert different(images) <= different(SLICES.images[KNOWN])
    if network == "classifier":
        assert different(images) == different(SLICES.images[KNOWN])


@pytest.mark.parametrize(("network", "recipe"), NETWORKS)
def test_all_slices_are_known_unless_some_are_named(tmp_path, network, recipe):
    named = drawn(tmp_path, network, recipe, np.arange(len(SLICES)))
    for one, other in zip(drawn(tmp_path, network, recipe), named, strict=True):
        np.testing.assert_array_equal(one, other)


def heads(tumors):
    """Patients of three slices, with the tumour that is given in the middle one."""
    images = np.zeros((3 * len(tumors), SIZE, SIZE, 3), np.uint8)
    images[:, 4:28, 4:28] = np.random.default_rng(5).integers(90, 110, (len(images), 24, 24, 3))
    masks = np.zeros((len(images), SIZE, SIZE, 1), np.uint8)
    for patient, where in enumerate(tumors):
        masks[3 * patient + 1, where, where] = 255
    patients = np.repeat(np.arange(len(tumors)), 3)
    return Slices(images, masks, np.arange(len(images)), patients, masks.any(axis=(1, 2, 3)))


def test_only_known_patients_lend_tumours(tmp_path):
    slices = heads([slice(10, 14), slice(16, 20), slice(0, 0)])
    kinds = {}
    for known in (np.arange(9), np.flatnonzero(slices.patients != 1)):
        _, masks = drawn(tmp_path, "segmenter", {"paste": 1.0}, known, slices)
        assert masks.any(axis=(1, 2, 3)).mean() > 0.6  # half of the slices that are drawn have one of their own
        kinds[len(known)] = different(masks[masks.any(axis=(1, 2, 3))])
    own = [mask.astype("float32").tobytes() for mask in slices.masks[[1, 4]] / 255]
    assert kinds == {9: set(own), 6: {own[0]}}


def test_weights_balance_the_known_slices(tmp_path):
    _, labels, weights = drawn(tmp_path, "classifier", {"imbalance": "weight"}, KNOWN)
    share = SLICES.has_tumor[KNOWN].mean()
    np.testing.assert_allclose(weights, np.where(labels[:, 0] > 0, 0.5 / share, 0.5 / (1 - share)), rtol=1e-6)
