"""Whole trainings of a classifier: each strategy, and each way to balance the two kinds of slices."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from tiny_training import SIZE, changed, run

from components.errors import UserError


@pytest.fixture
def untrained(backbone_file):
    backbone = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    backbone.load_weights(backbone_file)
    return backbone.get_weights()


def trained(params, sides, tmp_path, **recipe):
    """Train, two epochs where nothing else is said; returns the weights of the backbone, and of the head."""
    params = changed(params, "classifier", **{"epochs": 2, **recipe})
    network = run("classifier", params, sides, tmp_path / "run")
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert list(history) == ["epoch", "auroc", "loss", "val_loss", "val_auroc"]
    assert np.isfinite(history).all(axis=None)
    (backbone,) = (layer for layer in network.layers if isinstance(layer, keras.Model))
    return backbone.get_weights(), network.get_layer("tumor_probability").get_weights()


def test_frozen_a_backbone_keeps_every_bit_of_its_weights(tmp_path, training_params, sides, backbone_file, untrained):
    recipe = {"strategy": "frozen", "weights": str(backbone_file), "imbalance": "none"}
    backbone, (_, bias) = trained(training_params, sides, tmp_path, **recipe)
    for one, other in zip(backbone, untrained, strict=True):
        np.testing.assert_array_equal(one, other)
    assert bias != 0  # the head has learned


def test_released_a_backbone_learns_too(tmp_path, training_params, sides, backbone_file, untrained):
    recipe = {"strategy": "frozen_then_finetune", "head_epochs": 1, "weights": str(backbone_file)}
    backbone, _ = trained(training_params, sides, tmp_path, imbalance="sample", **recipe)
    # Whichever epoch was best: the frozen one leaves the weights, the released one changes them all.
    epoch = pd.read_csv(tmp_path / "run" / "history.csv")["val_auroc"].idxmax()
    changes = [not np.array_equal(one, other) for one, other in zip(backbone, untrained, strict=True)]
    assert all(changes) if epoch else not any(changes)
    (last,) = sorted((tmp_path / "checkpoints" / "classifier").iterdir())[-1:]
    with np.load(last, allow_pickle=False) as columns:
        found = [columns[name] for name in columns.files if name.startswith("model/")]
    assert not any(np.array_equal(one, untrained[0]) for one in found)


def test_finetuned_a_backbone_learns_from_the_first_step_on(tmp_path, training_params, sides, backbone_file, untrained):
    recipe = {"strategy": "finetune", "weights": str(backbone_file), "imbalance": "weight", "epochs": 1}
    backbone, _ = trained(training_params, sides, tmp_path, **recipe)
    assert not any(np.array_equal(one, other) for one, other in zip(backbone, untrained, strict=True))


def test_weights_that_are_not_there_end_in_one_line(tmp_path, training_params, sides):
    params = changed(training_params, "classifier", weights="nowhere.weights.h5")
    says = r"^params\.yaml: classifier: nowhere\.weights\.h5: no such file of weights; [^\n]+$"
    with pytest.raises(UserError, match=says):
        run("classifier", params, sides, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_frozen_random_features_end_in_one_line(tmp_path, training_params, sides):
    params = changed(training_params, "classifier", strategy="frozen", weights="none")
    with pytest.raises(
        UserError, match=r"^params\.yaml: classifier: strategy frozen needs pre-trained weights: [^\n]+$"
    ):
        run("classifier", params, sides, tmp_path / "run")
