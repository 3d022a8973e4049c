"""Accumulated gradients of small batches train like one large batch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_backbone import Small
from tiny_training import NO_AUGMENTATION, SIZE, run_training, tiny_training_params, with_changes

# In both recipes, no slice affects the outputs for others, because nothing learns by batch normalisation.
FROZEN = {"strategy": "frozen", "dropout": 0.0, "imbalance": "none"}
GROUPED = {"norm": "group", "loss": "crossentropy"}


def train_twice(folder, split_examples, network, **recipe):
    """Train twice, on batches of eight and on two batches of four per update; return weights and histories of both."""
    recipe |= {"augment": NO_AUGMENTATION, "epochs": 2, "learning_rate": 2e-3}
    weights, scores = [], []
    for batch, accumulate in ((8, 1), (4, 2)):
        params = with_changes(tiny_training_params(folder), network, batch_size=batch, accumulate=accumulate, **recipe)
        weights.append(run_training(network, params, split_examples, folder / str(batch)).get_weights())
        scores.append(pd.read_csv(folder / str(batch) / "history.csv"))
    return SimpleNamespace(weights=weights, scores=scores)


def check_equal(found):
    # Biases before a normalisation have no effect and drift with rounding, hence the tolerance of 1e-4 for weights.
    assert np.abs(found.weights[0][-1]).max() > 1e-3  # the last bias has learned
    for one, other in zip(*found.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    pd.testing.assert_frame_equal(*found.scores, rtol=1e-5)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory, split_examples, backbone_file):
    return train_twice(
        tmp_path_factory.mktemp("frozen"), split_examples, "classifier", weights=str(backbone_file), **FROZEN
    )


def test_two_batches_of_four_train_a_classifier_like_one_of_eight(frozen):
    check_equal(frozen)


@pytest.mark.nightly
def test_two_batches_of_four_train_a_segmenter_like_one_of_eight(tmp_path, split_examples):
    check_equal(train_twice(tmp_path, split_examples, "segmenter", **GROUPED))


def test_a_frozen_backbone_keeps_its_exact_weights(frozen, backbone_file):
    backbone = Small(input_shape=(SIZE, SIZE, 3))
    backbone.load_weights(backbone_file)
    for *backbone_weights, _, _ in frozen.weights:  # the last two are the kernel and the bias of the head
        for one, other in zip(backbone_weights, backbone.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
