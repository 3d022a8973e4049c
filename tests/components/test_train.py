from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from components import train, training_data
from components.errors import UserError
from components.layout import HISTORY
from models.storage import load_network


def patterns(data, side):
    return [str(data / "examples" / f"Split-{side}" / "*")]


def test_the_cache_holds_every_slice_on_the_networks_grid(data):
    slices = training_data.cached_slices(patterns(data, "train"), 32)
    image, mask, label = next(iter(slices.batch(1000)))
    assert image.shape[1:] == (32, 32, 3)
    assert image.dtype == mask.dtype == tf.uint8
    assert set(np.unique(mask)) == {0, 1}
    assert label.shape[1:] == (1,)
    assert len(image) == len(slices)
    assert ((mask.numpy().sum(axis=(1, 2, 3)) == 0) | (label.numpy()[:, 0] == 1)).all()


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_tumour_share_is_kept(data, share):
    slices = training_data.cached_slices(patterns(data, "train"), 64)
    batches = training_data.segmenter_batches(slices, 8, seed=1, tumor_share=share)
    with_tumor = [m.numpy().any() for _, masks in batches.take(60) for m in masks]
    assert np.mean(with_tumor) == pytest.approx(share, abs=0.07)


def test_without_a_seed_batches_come_in_order_once(data):
    slices = training_data.cached_slices(patterns(data, "val"), 32)
    images = np.concatenate([i.numpy() for i, _ in training_data.segmenter_batches(slices, 5)])
    np.testing.assert_array_equal(images, next(iter(slices.batch(1000)))[0].numpy())


def test_a_seed_shuffles_anew_each_epoch_and_repeats(data):
    slices = training_data.cached_slices(patterns(data, "train"), 32)

    def epochs():
        batches = training_data.classifier_batches(slices, 1000, seed=3)
        return [next(iter(batches))[0].numpy() for _ in range(2)]

    (first, second), (again, _) = epochs(), epochs()
    assert (first != second).any()
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(np.sort(first, axis=0), np.sort(second, axis=0))


def test_no_files_is_said_in_one_line(tmp_path):
    with pytest.raises(UserError, match="no TFRecord files"):
        training_data.cached_slices([str(tmp_path / "*")], 32)


@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_the_same_parameters_give_the_same_weights(tmp_path, data, tiny_params, network):
    for name in ("a", "b"):
        train.train(network, tiny_params, patterns(data, "train"), patterns(data, "val"), tmp_path / name)
    first, second = load_network(tmp_path / "a"), load_network(tmp_path / "b")
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a" / HISTORY), pd.read_csv(tmp_path / "b" / HISTORY))


def test_mixed_precision_trains_and_leaves_a_float32_model(tmp_path, data, tiny_params):
    knobs = tiny_params.segmenter.model_copy(update={"precision": "mixed_bfloat16", "epochs": 1})
    params = tiny_params.model_copy(update={"segmenter": knobs})
    trained = train.train("segmenter", params, patterns(data, "train"), patterns(data, "val"), tmp_path)
    assert {layer.dtype_policy.name for layer in trained.layers} == {"float32"}
    assert np.isfinite(pd.read_csv(tmp_path / HISTORY)["loss"]).all()


def test_another_seed_gives_other_weights(tmp_path, data, tiny_params):
    weights = []
    for seed in (1, 2):
        params = tiny_params.model_copy(update={"seed": seed})
        trained = train.train("segmenter", params, patterns(data, "train"), patterns(data, "val"), tmp_path)
        weights.append(trained.get_weights()[0])
    assert (weights[0] != weights[1]).any()


def test_unavailable_weights_end_in_one_line(tmp_path, data, tiny_params):
    knobs = tiny_params.classifier.model_copy(update={"weights": "nowhere.weights.h5"})
    params = tiny_params.model_copy(update={"classifier": knobs})
    with pytest.raises(UserError, match=r"params\.yaml: classifier: nowhere\.weights\.h5: no such file") as error:
        train.train("classifier", params, patterns(data, "train"), patterns(data, "val"), tmp_path / "run")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_the_learning_rate_warms_up_and_falls_to_nothing():
    rate = train.learning_rate(1.0, steps=10, epochs=5)
    values = [float(rate(step)) for step in range(51)]
    assert values[0] == pytest.approx(0.1)
    assert max(values) == values[10] == pytest.approx(1.0)
    assert values[50] == pytest.approx(0.0, abs=1e-6)
    assert values[10:] == sorted(values[10:], reverse=True)
