"""Which of the classifier's weights each strategy trains."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from tiny_classifiers import batch_norms, noise, tiny_classifier, trunk, values

from models.networks.augment import Augmenter
from models.networks.augmented_model import AugmentedModel
from models.networks.classifier import set_strategy
from models.networks.norms import MOMENTUM

pytest_plugins = ["tiny_networks"]
pytestmark = [pytest.mark.usefixtures("seeded"), pytest.mark.xdist_group("backbones")]


def train_one_step(network: keras.Model) -> None:
    network.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", run_eagerly=True)
    network.train_on_batch(noise(6), np.array([[0.0], [1.0]] * 3, "float32"))


def test_frozen_trains_the_head_and_leaves_the_backbone_unchanged(backbone_weights):
    network = tiny_classifier("frozen", weights=str(backbone_weights))
    head = network.get_layer("tumor_probability")
    assert [id(v) for v in network.trainable_variables] == [id(v) for v in head.variables]
    backbone_before, head_before = values(trunk(network).variables), values(head.variables)
    train_one_step(network)
    assert len(backbone_before) == 5 * (1 + 4)
    for variable, before in zip(trunk(network).variables, backbone_before, strict=True):
        assert np.array_equal(variable, before), variable.path
    for variable, before in zip(head.variables, head_before, strict=True):
        assert not np.array_equal(variable, before), variable.path


def test_finetune_trains_every_weight_and_updates_the_statistics(backbone_weights):
    network = tiny_classifier("finetune", weights=str(backbone_weights))
    assert len(network.trainable_variables) == len(trunk(network).trainable_variables) + 2
    variables = network.trainable_variables + [bn.moving_mean for bn in batch_norms(network)]
    before = values(variables)
    train_one_step(network)
    for variable, old in zip(variables, before, strict=True):
        assert not np.array_equal(variable, old), variable.path


def changed(variables: list[keras.Variable], before: list[np.ndarray]) -> list[bool]:
    return [not np.array_equal(variable, old) for variable, old in zip(variables, before, strict=True)]


def test_frozen_then_finetune_starts_frozen_and_can_be_unfrozen(backbone_weights):
    network = tiny_classifier("frozen_then_finetune", weights=str(backbone_weights))
    head, backbone_variables = network.get_layer("tumor_probability").variables, trunk(network).variables
    model = AugmentedModel(network, Augmenter(flip=True, seed=1), with_masks=False)
    targets = np.array([[0.0], [1.0]] * 3, "float32")
    before, head_before = values(backbone_variables), values(head)
    for strategy in ("finetune", "frozen"):
        # Eagerly, because compiling each phase takes longer than its single step.
        model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", run_eagerly=True)
        model.fit(noise(6), targets, batch_size=6, verbose=0)
        if strategy == "finetune":  # so far, only the frozen phase has run
            assert not any(changed(backbone_variables, before))
        else:
            assert all(changed(backbone_variables, before))
        assert all(changed(head, head_before))
        before, head_before = values(backbone_variables), values(head)
        set_strategy(network, strategy)
    assert {bn.momentum for bn in batch_norms(network)} == {MOMENTUM}
    assert [id(v) for v in network.trainable_variables] == [id(v) for v in head]
    train_one_step(network)
    assert not any(changed(backbone_variables, before))


def test_set_strategy_accepts_only_frozen_and_finetune(slice_classifier):
    for strategy in ("frozen_then_finetune", "thaw"):
        with pytest.raises(ValueError, match=f"'{strategy}' is neither frozen nor finetune"):
            set_strategy(slice_classifier, strategy)


@pytest.mark.parametrize("strategy", ["frozen", "frozen_then_finetune"])
def test_a_head_on_frozen_random_features_is_refused(strategy):
    with pytest.raises(ValueError, match=f"strategy {strategy} needs pre-trained weights"):
        tiny_classifier(strategy, weights="none")


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match="'half' is none of frozen, finetune, frozen_then_finetune"):
        tiny_classifier("half")
