"""The SavedModel's graph makes the same decisions as `components.layered.decision`, whatever the probabilities."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.layered.decision import calibrate, decide, unprocessed
from components.layered.views import Views
from models.serving.layered_model import Layered

SIZE = 16


def reader(layer, channel):
    """A network that outputs a channel of the slice as probabilities."""
    image = keras.Input((SIZE, SIZE, 3))
    weights = np.zeros((3, 1), np.float32)
    weights[channel] = 1 / 255
    dense = keras.layers.Dense(1, use_bias=False)
    network = keras.Model(image, dense(layer(image)))
    dense.set_weights([weights])
    return network


@pytest.fixture(scope="module")
def layered():
    """Stage 1 outputs the largest value of the first channel, stage 2 the second channel."""
    return Layered(reader(keras.layers.GlobalMaxPooling2D(), 0), reader(keras.layers.Identity(), 1))


unit = st.floats(0.01, 0.99)
temperatures = st.floats(0.2, 5.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), unit, unit, temperatures, temperatures)
def test_the_graph_and_numpy_make_the_same_decisions(layered, seed, tumor_threshold, mask_threshold, tumor, mask):
    rng = np.random.default_rng(seed)
    slices = rng.integers(0, 256, (6, SIZE, SIZE, 3), np.uint8)
    slices[..., 0] = slices[..., 0] * rng.random((6, 1, 1))  # maxima of all sizes
    record = {"tumor_threshold": tumor_threshold, "mask_threshold": mask_threshold}
    chosen = {**record, "tumor_temperature": tumor, "mask_temperature": mask}
    for name, value in chosen.items():
        getattr(layered, name).assign(value)
    raw = Views(slices[..., 0].max(axis=(1, 2)) / 255, slices[..., 1] / 255)
    calibrated = calibrate(raw, tumor, mask)

    served = {name: value.numpy() for name, value in layered.serve(tf.constant(slices)).items()}
    assert np.allclose(served["tumor_probability"], calibrated.tumor_probability, atol=1e-5)
    # Rounding may move a value at a threshold to either side.
    certain_slices = np.abs(calibrated.tumor_probability - tumor_threshold) > 1e-5
    certain_pixels = certain_slices[:, None, None] & (np.abs(calibrated.mask_probability - mask_threshold) > 1e-5)
    assert certain_pixels.mean() > 0.5
    expected_mask = unprocessed(calibrated, record)
    assert np.array_equal(served["mask"][certain_pixels], expected_mask[certain_pixels])
    decision = decide(calibrated, (1.0, 1.0, 1.0), {**record, "processing": {"largest": False, "min_ml": 0.0}})
    assert np.array_equal(served["has_tumor"][certain_slices], decision.has_tumor[certain_slices])
    assert np.array_equal(decision.mask, expected_mask)
