"""A pytest plugin: a saved layered model of tiny networks, and the outputs of its two networks on their own."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layered_check import MASK_THRESHOLD

from models.networks import preprocessing
from models.serving.layered_model import Layered


@pytest.fixture(scope="session")
def stage_outputs(slice_classifier, segmenter, slices):
    """Outputs of the two networks on their own: probability [batch] and maps [batch, height, width]."""
    grid = preprocessing.to_grid(slices, 32)
    maps = tf.image.resize(segmenter(grid, training=False), slices.shape[1:3])
    return slice_classifier(grid, training=False).numpy()[:, 0], maps.numpy()[..., 0]


@pytest.fixture(scope="session")
def mixed_threshold(stage_outputs):
    """A threshold that two of the five slices pass, far from all of their probabilities."""
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
def set_threshold(saved, mixed_threshold):
    """Set the saved model's threshold of stage 1 for one test."""
    yield saved.tumor_threshold.assign
    saved.tumor_threshold.assign(mixed_threshold)
