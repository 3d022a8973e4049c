from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_backbone import Small
from tiny_training import NO_AUGMENTATION, SIZE, changed, run, tiny

# In neither has a slice a say in what the others give: there is no normalisation by batch that learns.
FROZEN = {"strategy": "frozen", "dropout": 0.0, "imbalance": "none"}
GROUPED = {"norm": "group", "loss": "crossentropy"}


def trained(folder, sides, network, **recipe):
    """Train twice, on batches of eight and on two of four an update: weights and histories of both."""
    recipe |= {"augment": NO_AUGMENTATION, "epochs": 2, "learning_rate": 2e-3}
    weights, scores = [], []
    for batch, accumulate in ((8, 1), (4, 2)):
        params = changed(tiny(folder), network, batch_size=batch, accumulate=accumulate, **recipe)
        weights.append(run(network, params, sides, folder / str(batch)).get_weights())
        scores.append(pd.read_csv(folder / str(batch) / "history.csv"))
    return SimpleNamespace(weights=weights, scores=scores)


def check_alike(found):
    # Of what stands before a normalisation the bias has no say and drifts with the rounding: hence 1e-4 for weights.
    assert np.abs(found.weights[0][-1]).max() > 1e-3  # the last bias has learned
    for one, other in zip(*found.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    pd.testing.assert_frame_equal(*found.scores, rtol=1e-5)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory, sides, backbone_file):
    return trained(tmp_path_factory.mktemp("frozen"), sides, "classifier", weights=str(backbone_file), **FROZEN)


def test_two_batches_of_four_train_a_classifier_as_one_of_eight(frozen):
    check_alike(frozen)


@pytest.mark.nightly
def test_two_batches_of_four_train_a_segmenter_as_one_of_eight(tmp_path, sides):
    check_alike(trained(tmp_path, sides, "segmenter", **GROUPED))


def test_frozen_a_backbone_keeps_every_bit_of_its_weights(frozen, backbone_file):
    backbone = Small(input_shape=(SIZE, SIZE, 3))
    backbone.load_weights(backbone_file)
    for *trunk, _, _ in frozen.weights:  # behind the backbone's come the kernel and the bias of the head
        for one, other in zip(trunk, backbone.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
