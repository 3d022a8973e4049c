"""A saved layered model of tiny networks, and what the two networks say by themselves, as a pytest plugin."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layered_check import MASK_THRESHOLD

from models.networks import preprocessing
from models.serving.layered_model import Layered


@pytest.fixture(scope="session")
def stage_outputs(slice_classifier, segmenter, slices):
    """What the two networks say on their own: probability [batch] and maps [batch, height, width]."""
    grid = preprocessing.to_grid(slices, 32)
    maps = tf.image.resize(segmenter(grid, training=False), slices.shape[1:3])
    return slice_classifier(grid, training=False).numpy()[:, 0], maps.numpy()[..., 0]


@pytest.fixture(scope="session")
def mixed_threshold(stage_outputs):
    """Lets two of the five slices pass, none of them near the threshold."""
    ordered = np.sort(stage_outputs[0])
    assert ordered[3] - ordered[2] > 0.01
    return float((ordered[3] + ordered[2]) / 2)


@pytest.fixture(scope="session")
def saved_folder(slice_classifier, segmenter, mixed_threshold, tmp_path_factory):
    folder = tmp_path_factory.mktemp("layered")
    layered = Layered(slice_classifier, segmenter, tumor_threshold=mixed_threshold, mask_threshold=MASK_THRESHOLD)
    layered.save(folder)
    return folder


@pytest.fixture(scope="session")
def saved(saved_folder):
    return tf.saved_model.load(str(saved_folder))


@pytest.fixture
def with_threshold(saved, mixed_threshold):
    """Change the saved model's threshold of stage 1 for a test."""
    yield saved.tumor_threshold.assign
    saved.tumor_threshold.assign(mixed_threshold)
