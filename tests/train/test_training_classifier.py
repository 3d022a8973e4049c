"""Complete trainings of a classifier: each strategy, and each way to balance the two kinds of slices."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from small_backbone import Small
from tiny_training import SIZE, run_training, tiny_training_params, with_changes

from components.common.errors import UserError

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def initial_weights(backbone_file):
    backbone = Small(input_shape=(SIZE, SIZE, 3))
    backbone.load_weights(backbone_file)
    return backbone.get_weights()


def train_one_epoch(params, split_examples, tmp_path, **recipe):
    """Train for one epoch; return the weights of the backbone and of the head."""
    params = with_changes(params, "classifier", epochs=1, **recipe)
    return weights_of_parts(run_training("classifier", params, split_examples, tmp_path / "run"), tmp_path)


def weights_of_parts(network, tmp_path):
    """Weights of the backbone and of the head."""
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert list(history) == ["epoch", "auroc", "loss", "val_loss", "val_auroc"]
    assert np.isfinite(history).all(axis=None)
    (backbone,) = (layer for layer in network.layers if isinstance(layer, keras.Model))
    return backbone.get_weights(), network.get_layer("tumor_probability").get_weights()


@pytest.fixture(scope="module")
def unfrozen(tmp_path_factory, split_examples, backbone_file):
    """A training with one frozen and one unfrozen epoch: its recipe, folder and network."""
    recipe = {"strategy": "frozen_then_finetune", "head_epochs": 1, "epochs": 2, "imbalance": "sample"}
    recipe |= {"weights": str(backbone_file)}
    folder = tmp_path_factory.mktemp("released")
    network = run_training(
        "classifier", with_changes(tiny_training_params(folder), "classifier", **recipe), split_examples, folder / "run"
    )
    return SimpleNamespace(recipe=recipe, folder=folder, network=network)


def test_an_unfrozen_backbone_is_trained_too(unfrozen, initial_weights):
    backbone, _ = weights_of_parts(unfrozen.network, unfrozen.folder)
    # The weights are those of the best epoch: the frozen one keeps the initial ones, the unfrozen one changes them all.
    epoch = pd.read_csv(unfrozen.folder / "run" / "history.csv")["val_auroc"].idxmax()
    changes = [not np.array_equal(one, other) for one, other in zip(backbone, initial_weights, strict=True)]
    assert all(changes) if epoch else not any(changes)
    (last,) = sorted((unfrozen.folder / "checkpoints" / "classifier").iterdir())[-1:]
    with np.load(last, allow_pickle=False) as columns:
        found = [columns[name] for name in columns.files if name.startswith("model/")]
    assert not any(np.array_equal(one, initial_weights[0]) for one in found)


class Killed(BaseException):
    """Ends a training without any clean-up."""


def test_a_training_killed_in_its_second_phase_gives_the_same_result(
    tmp_path, training_params, split_examples, unfrozen
):
    def kill(epoch, row):
        if epoch == 1:
            raise Killed

    params = with_changes(training_params, "classifier", **unfrozen.recipe, training={"checkpoint_steps": 5})
    with pytest.raises(Killed):
        run_training("classifier", params, split_examples, tmp_path / "run", on_epoch=kill)
    saved = sorted(path.name for path in (tmp_path / "checkpoints" / "classifier").iterdir())
    # One frozen epoch of 6 steps, and one unfrozen epoch.
    assert saved == ["step-000000005.npz", "step-000000010.npz"]
    network = run_training("classifier", params, split_examples, tmp_path / "run")
    for one, other in zip(network.get_weights(), unfrozen.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    histories = [folder / "run" / "history.csv" for folder in (tmp_path, unfrozen.folder)]
    assert histories[0].read_bytes() == histories[1].read_bytes()


def test_finetune_trains_the_backbone_from_the_first_step(
    tmp_path, training_params, split_examples, backbone_file, initial_weights
):
    recipe = {"strategy": "finetune", "weights": str(backbone_file), "imbalance": "weight"}
    backbone, _ = train_one_epoch(training_params, split_examples, tmp_path, **recipe)
    assert not any(np.array_equal(one, other) for one, other in zip(backbone, initial_weights, strict=True))


def test_a_training_without_progress_ends_after_its_patience(tmp_path, training_params, split_examples, backbone_file):
    # Such a low rate never changes the order of probabilities.
    stuck = {"strategy": "frozen", "weights": str(backbone_file), "learning_rate": 1e-12, "epochs": 9, "patience": 2}
    run_training("classifier", with_changes(training_params, "classifier", **stuck), split_examples, tmp_path / "run")
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert len(history) == 1 + 2
    assert history["val_auroc"].nunique() == 1


def test_missing_weights_are_reported_in_one_line(tmp_path, training_params, split_examples):
    params = with_changes(training_params, "classifier", weights="nowhere.weights.h5")
    pattern = r"^params\.yaml: classifier: nowhere\.weights\.h5: no such file of weights; [^\n]+$"
    with pytest.raises(UserError, match=pattern):
        run_training("classifier", params, split_examples, tmp_path / "run")
    assert not (tmp_path / "run").exists()
