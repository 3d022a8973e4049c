"""Whole trainings of a classifier: each strategy, and each way to balance the two kinds of slices."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from small_backbone import Small
from tiny_training import SIZE, changed, run, tiny

from components.common.errors import UserError

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def untrained(backbone_file):
    backbone = Small(input_shape=(SIZE, SIZE, 3))
    backbone.load_weights(backbone_file)
    return backbone.get_weights()


def trained(params, sides, tmp_path, **recipe):
    """Train an epoch; returns the weights of the backbone, and of the head."""
    params = changed(params, "classifier", epochs=1, **recipe)
    return parts(run("classifier", params, sides, tmp_path / "run"), tmp_path)


def parts(network, tmp_path):
    """Weights of the backbone, and of the head."""
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert list(history) == ["epoch", "auroc", "loss", "val_loss", "val_auroc"]
    assert np.isfinite(history).all(axis=None)
    (backbone,) = (layer for layer in network.layers if isinstance(layer, keras.Model))
    return backbone.get_weights(), network.get_layer("tumor_probability").get_weights()


@pytest.fixture(scope="module")
def released(tmp_path_factory, sides, backbone_file):
    """A training of a frozen and a released epoch: its recipe, folder, and network."""
    recipe = {"strategy": "frozen_then_finetune", "head_epochs": 1, "epochs": 2, "imbalance": "sample"}
    recipe |= {"weights": str(backbone_file)}
    folder = tmp_path_factory.mktemp("released")
    network = run("classifier", changed(tiny(folder), "classifier", **recipe), sides, folder / "run")
    return SimpleNamespace(recipe=recipe, folder=folder, network=network)


def test_released_a_backbone_learns_too(released, untrained):
    backbone, _ = parts(released.network, released.folder)
    # Whichever epoch was best: the frozen one leaves the weights, the released one changes them all.
    epoch = pd.read_csv(released.folder / "run" / "history.csv")["val_auroc"].idxmax()
    changes = [not np.array_equal(one, other) for one, other in zip(backbone, untrained, strict=True)]
    assert all(changes) if epoch else not any(changes)
    (last,) = sorted((released.folder / "checkpoints" / "classifier").iterdir())[-1:]
    with np.load(last, allow_pickle=False) as columns:
        found = [columns[name] for name in columns.files if name.startswith("model/")]
    assert not any(np.array_equal(one, untrained[0]) for one in found)


class Killed(BaseException):
    """Ends a training without a last word."""


def test_killed_in_its_second_phase_it_ends_as_if_undisturbed(tmp_path, training_params, sides, released):
    def kill(epoch, row):
        if epoch == 1:
            raise Killed

    params = changed(training_params, "classifier", **released.recipe, training={"checkpoint_steps": 5})
    with pytest.raises(Killed):
        run("classifier", params, sides, tmp_path / "run", on_epoch=kill)
    saved = sorted(path.name for path in (tmp_path / "checkpoints" / "classifier").iterdir())
    assert saved == ["step-000000005.npz", "step-000000010.npz"]  # of a frozen epoch of 6 steps, and a released one
    network = run("classifier", params, sides, tmp_path / "run")
    for one, other in zip(network.get_weights(), released.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    histories = [folder / "run" / "history.csv" for folder in (tmp_path, released.folder)]
    assert histories[0].read_bytes() == histories[1].read_bytes()


def test_finetuned_a_backbone_learns_from_the_first_step_on(tmp_path, training_params, sides, backbone_file, untrained):
    recipe = {"strategy": "finetune", "weights": str(backbone_file), "imbalance": "weight"}
    backbone, _ = trained(training_params, sides, tmp_path, **recipe)
    assert not any(np.array_equal(one, other) for one, other in zip(backbone, untrained, strict=True))


def test_a_training_without_progress_ends_after_its_patience(tmp_path, training_params, sides, backbone_file):
    # So low a rate changes no order of probabilities.
    still = {"strategy": "frozen", "weights": str(backbone_file), "learning_rate": 1e-12, "epochs": 9, "patience": 2}
    run("classifier", changed(training_params, "classifier", **still), sides, tmp_path / "run")
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert len(history) == 1 + 2
    assert history["val_auroc"].nunique() == 1


def test_weights_that_are_not_there_end_in_one_line(tmp_path, training_params, sides):
    params = changed(training_params, "classifier", weights="nowhere.weights.h5")
    says = r"^params\.yaml: classifier: nowhere\.weights\.h5: no such file of weights; [^\n]+$"
    with pytest.raises(UserError, match=says):
        run("classifier", params, sides, tmp_path / "run")
    assert not (tmp_path / "run").exists()
