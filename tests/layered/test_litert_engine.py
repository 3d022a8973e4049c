"""A layered model gives the same results with LiteRT as with TensorFlow."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from components.layered.engine import ModelFailedError
from components.layered.litert_files import ENTRY, described
from components.layered.predictor import Predictor
from components.layered.writer import write
from components.scans.scan import Scan
from models.serving.layered_model import Layered
from models.serving.litert_export import litert

CHOICES = {
    "tumor_temperature": 1.5,
    "mask_temperature": 0.7,
    "tumor_threshold": 0.0,
    "mask_threshold": 0.4,
    "processing": {"largest": False, "min_ml": 0.0},
}
SIZES = {"classifier": 16, "segmenter": 32}


def asymmetric_networks(neighbors):
    """A classifier of single slices and a segmenter with neighbours, on different grids; neither is symmetric."""
    keras.utils.set_random_seed(7)
    slices = keras.Input((SIZES["classifier"], SIZES["classifier"], 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(slices / 64.0 - 2.0)
    classifier = keras.Model(slices, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(x)))
    slices = keras.Input((SIZES["segmenter"], SIZES["segmenter"], 3 * (2 * neighbors + 1)))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(slices / 64.0 - 2.0)
    return classifier, keras.Model(slices, keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


@pytest.fixture(scope="module", params=[(0, False), (1, True)], ids=["plain", "mirrored-with-neighbours"])
def folder(request, tmp_path_factory):
    neighbors, mirror = request.param
    model = Layered(*asymmetric_networks(neighbors), mirror=mirror)
    files = {name: litert(network, batch=2 if mirror else 1) for name, network in vars(model.networks).items()}
    record = {"neighbors": neighbors, "mirror": mirror, **CHOICES, ENTRY: described(files)}
    destination = tmp_path_factory.mktemp("both") / "layered"
    write(model, record, destination, files)
    return destination


@pytest.fixture(scope="module")
def engines(folder):
    return Predictor(folder), Predictor(folder, "tensorflow")


def noisy_scan(slices, height=40, width=48):
    image = np.random.default_rng(slices).integers(0, 256, (slices, height, width, 3), dtype=np.uint8)
    return Scan("p", "DU", image, None)


def test_litert_runs_a_model_unless_another_engine_is_requested(engines):
    assert [one.engine.name for one in engines] == ["litert", "tensorflow"]


@pytest.mark.parametrize("slices", [1, 2, 9])
def test_both_engines_agree_on_single_slices_and_whole_scans(engines, slices):
    scan = noisy_scan(slices)
    results = [predictor(scan) for predictor in engines]
    for one, other in zip(*results, strict=True):
        for name, value in vars(one).items():
            if value is None:  # a model that mirrors internally has no second view
                assert getattr(other, name) is None, name
            else:
                np.testing.assert_allclose(value, getattr(other, name), atol=1e-5, err_msg=name)
    found, expected = (predictor.engine.detect(scan) for predictor in engines)
    batch = next(scan.batches(slices, engines[0].record["neighbors"]))
    served = engines[0].serve(batch)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)
        np.testing.assert_array_equal(served[name], found[name], err_msg=name)
        assert served[name].dtype == value.dtype
    assert 0 < expected["mask"].mean() < 1  # an empty or full mask would prove nothing


@pytest.mark.parametrize("extra", [-3, 3, 6])
def test_neither_engine_takes_slices_with_another_number_of_channels(engines, extra):
    channels = 3 * (2 * engines[0].record["neighbors"] + 1) + extra
    slices = np.zeros((2, 40, 48, channels), np.uint8)
    for predictor in engines:
        for run in filter(None, (predictor.serve, predictor.stages, predictor.maps)):
            with pytest.raises(ModelFailedError):
                run(slices)


def test_both_engines_predict_masks_only_for_slices_that_pass_stage_1(engines, monkeypatch):
    scan = noisy_scan(9)
    litert_engine, tensorflow_engine = (predictor.engine for predictor in engines)
    probability = tensorflow_engine.detect(scan)["tumor_probability"]
    threshold = float(np.sort(probability)[4:6].mean())  # between two slices, so that rounding can't matter
    monkeypatch.setitem(litert_engine.record, "tumor_threshold", threshold)
    saved_threshold = tensorflow_engine.model.tumor_threshold
    original_threshold = saved_threshold.numpy()
    saved_threshold.assign(threshold)
    try:
        results = [engine.detect(scan) for engine in (litert_engine, tensorflow_engine)]
    finally:
        saved_threshold.assign(original_threshold)
    for found in results:
        assert found["has_tumor"].sum() == 4
        assert np.array_equal(found["has_tumor"], probability >= threshold)
        assert not found["mask"][~found["has_tumor"]].any()
        assert found["mask"][found["has_tumor"]].any(axis=(1, 2)).all()


def test_both_engines_smooth_along_scans_but_not_served_slices(engines):
    scan = noisy_scan(9)
    alone = engines[1].engine.detect(scan)
    smoothing = {"sigma": 1.0, "temperature": 1.2, "threshold": float(np.median(alone["tumor_probability"]))}
    batch = next(scan.batches(9, engines[0].record["neighbors"]))
    for predictor in engines:
        predictor.record["tumor_smoothing"] = smoothing
    try:
        found, expected = (predictor.engine.detect(scan) for predictor in engines)
        decided = engines[0](scan)[1]
        served = engines[0].serve(batch)
    finally:
        for predictor in engines:
            del predictor.record["tumor_smoothing"]
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)
        assert found[name].dtype == value.dtype
    assert 0 < found["has_tumor"].mean() < 1
    assert np.ptp(found["tumor_probability"]) < np.ptp(alone["tumor_probability"])
    assert np.array_equal(found["mask"] > 0, decided.mask)
    np.testing.assert_allclose(found["tumor_probability"], decided.tumor_probability, atol=1e-6)
    np.testing.assert_allclose(served["tumor_probability"], alone["tumor_probability"], atol=1e-5)


def test_conversion_is_reproducible_and_half_precision_halves_the_size():
    _, segmenter = asymmetric_networks(0)
    assert litert(segmenter) == litert(segmenter)
    slices = keras.Input((8, 8, 3))
    wide = keras.Model(slices, keras.layers.Conv2D(256, 7, padding="same", activation="sigmoid")(slices))
    assert len(litert(wide, half=True)) < 0.6 * len(litert(wide))
