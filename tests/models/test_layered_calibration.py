"""Temperatures and thresholds inside the saved layered model."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layered_check import check_outputs, serve
from scipy.special import expit, logit

from models.serving.layered_model import _scale_temperature

pytest_plugins = ["tiny_networks", "layered_fixtures"]
pytestmark = pytest.mark.xdist_group("layered")

TEMPERATURES = {"tumor": 2.5, "mask": 0.4}


def scaled(probability: np.ndarray, temperature: float) -> np.ndarray:
    return expit(logit(probability.astype(float)) / temperature)


@pytest.fixture
def calibrated(saved):
    """The saved model with temperatures, for one test."""
    for name, value in TEMPERATURES.items():
        getattr(saved, f"{name}_temperature").assign(value)
    yield saved
    for name in TEMPERATURES:
        getattr(saved, f"{name}_temperature").assign(1.0)


def test_temperatures_divide_the_logits_of_their_own_stage(calibrated, slices, stage_outputs):
    stages = calibrated.signatures["stages"](slices=tf.constant(slices))
    probability, maps = stage_outputs
    assert np.allclose(stages["tumor_probability"], scaled(probability, TEMPERATURES["tumor"]), atol=1e-5)
    assert np.allclose(stages["mask_probability"], scaled(maps, TEMPERATURES["mask"]), atol=1e-5)
    assert np.abs(stages["mask_probability"] - maps).max() > 0.05


def test_thresholds_apply_to_calibrated_probabilities(calibrated, slices, stage_outputs, set_threshold):
    probability = scaled(stage_outputs[0], TEMPERATURES["tumor"])
    ordered = np.sort(probability)
    for threshold, passing in ((ordered[2:4].mean(), 2), (ordered[0] - 0.01, 5), (ordered[-1] + 0.01, 0)):
        set_threshold(threshold)
        served = serve(calibrated, slices)
        check_outputs(served, probability, scaled(stage_outputs[1], TEMPERATURES["mask"]), threshold)
        assert served["has_tumor"].sum() == passing


def test_the_served_mask_thresholds_the_outputs_of_the_stages(calibrated, slices, set_threshold):
    stages = {
        name: value.numpy() for name, value in calibrated.signatures["stages"](slices=tf.constant(slices)).items()
    }
    threshold = float(np.sort(stages["tumor_probability"])[2:4].mean())
    set_threshold(threshold)
    check_outputs(serve(calibrated, slices), stages["tumor_probability"], stages["mask_probability"], threshold)


def test_a_temperature_of_one_changes_nothing_beyond_rounding():
    probabilities = np.linspace(0, 1, 1001, dtype=np.float32)
    assert np.allclose(_scale_temperature(tf.constant(probabilities), 1.0), probabilities, rtol=0, atol=3e-7)


def test_certain_probabilities_stay_finite_at_any_temperature():
    certain = tf.constant([0.0, 1e-9, 0.5, 1 - 1e-9, 1.0])
    for temperature in (0.1, 1.0, 10.0):
        cooled = _scale_temperature(certain, temperature).numpy()
        assert np.isfinite(cooled).all()
        assert (np.diff(cooled) >= 0).all()
        assert cooled[2] == 0.5
