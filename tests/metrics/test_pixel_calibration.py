"""The histogram of mask pixels gives the same calibration as the pixels themselves."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.special import expit

from components.metrics.calibration import ece, reliability
from components.metrics.pixel_calibration import PixelCalibration
from components.metrics.temperature import temperature


def pixels(seed, true_temperature=2.0, shape=(3, 40, 50)):
    """Probabilities, mostly confident background like a segmenter's, and labels."""
    rng = np.random.default_rng(seed)
    z = np.where(rng.random(shape) < 0.9, rng.normal(-9, 2, shape), rng.normal(0, 4, shape))
    return expit(z).astype(np.float32), rng.random(shape) < expit(z / true_temperature)


def test_the_histogram_is_nearly_lossless():
    probability, truth = pixels(0)
    counted = PixelCalibration.of(probability, truth)
    flat, labels = probability.ravel().astype(float), truth.ravel()
    assert counted.count.sum() == 6000
    assert counted.prevalence == pytest.approx(truth.mean())
    assert counted.temperature() == pytest.approx(temperature(flat, labels), rel=2e-3)
    assert counted.temperature() == pytest.approx(2, rel=0.1)
    assert counted.ece() == pytest.approx(ece(reliability(flat, labels, by="width")), abs=2e-3)
    likely = flat >= 0.01
    assert counted.ece(lowest=0.01) == pytest.approx(
        ece(reliability(flat[likely], labels[likely], by="width")), abs=5e-3
    )
    table = counted.reliability(10)
    assert table["count"].sum() == 6000
    assert len(table) == 10


def test_adding_patients_equals_counting_them_together():
    parts = [pixels(seed) for seed in range(4)]
    one, two, three, four = (PixelCalibration.of(*part) for part in parts)
    together = PixelCalibration.of(*(np.concatenate(all_parts) for all_parts in zip(*parts, strict=True)))
    for merged in (
        (one + two) + (three + four),
        four + (three + (two + one)),
        PixelCalibration() + one + two + three + four,
    ):
        assert (merged.count == together.count).all()
        assert (merged.positives == together.positives).all()
        assert merged.predicted == pytest.approx(together.predicted)
        assert merged.temperature() == pytest.approx(together.temperature())


def test_pixel_calibration_survives_pickling():
    counted = PixelCalibration.of(*pixels(0))
    assert pickle.loads(pickle.dumps(counted)).ece() == counted.ece()


def test_background_pixels_hide_the_error_of_an_over_confident_segmenter():
    probability, truth = pixels(1, true_temperature=4.0)
    counted = PixelCalibration.of(probability, truth)
    assert counted.ece(lowest=0.01) > 1.5 * counted.ece() > 0


def test_always_predicting_zero_scores_the_share_of_tumour():
    truth = np.zeros((1, 10, 100), bool)
    truth[0, 0, :13] = True
    counted = PixelCalibration.of(np.zeros(truth.shape), truth)
    assert counted.ece() == counted.prevalence == 0.013
    assert counted.ece(lowest=0.01) is None
    assert PixelCalibration.of(np.ones(truth.shape), truth).ece() == pytest.approx(0.987)


def test_without_pixels_or_with_one_class_the_temperature_is_one():
    assert PixelCalibration().temperature() == 1
    assert PixelCalibration().ece() is None
    assert PixelCalibration().prevalence is None
    assert PixelCalibration().reliability().empty
    probability, truth = pixels(2)
    assert PixelCalibration.of(probability, np.zeros_like(truth)).temperature() == 1


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="shape"):
        PixelCalibration.of(np.zeros((2, 3)), np.zeros((3, 2), bool))
