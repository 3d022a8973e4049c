"""A model that augments its slices while it trains, and only then."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from augmented_slices import ALL, MOVES, SIZE, augmenter, noise, rectangle_masks

from models.networks.augmented_model import AugmentedModel

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")


def channel_reader() -> keras.Model:
    """A network that outputs the first channel, scaled to 0..1."""
    slices = keras.Input((SIZE, SIZE, 3))
    layer = keras.layers.Conv2D(1, 1)
    network = keras.Model(slices, layer(slices), name="reader")
    layer.set_weights([np.array([1 / 255, 0, 0]).reshape(1, 1, 3, 1), np.zeros(1)])
    return network


@pytest.mark.parametrize(("with_masks", "low", "high"), [(True, 0.001, 0.03), (False, 0.05, 0.3)])
def test_fit_transforms_masks_with_their_slices_but_no_other_targets(with_masks, low, high):
    masks = rectangle_masks(32)
    images = np.repeat(255 * masks, 3, axis=-1)
    model = AugmentedModel(channel_reader(), augmenter(**MOVES), with_masks=with_masks)
    model.compile(keras.optimizers.SGD(0.0), loss="mae")
    history = model.fit(images, masks, batch_size=32, epochs=1, verbose=0).history
    assert low < history["loss"][0] < high
    assert model.evaluate(images, masks, verbose=0) < 1e-6


@pytest.mark.parametrize("with_masks", [True, False])
def test_fit_trains_the_network_but_evaluate_and_predict_do_not_augment(with_masks):
    slices = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(2, 3, padding="same")(slices / 127.5 - 1)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(1, 1, activation="sigmoid")(x)
    network = keras.Model(slices, x if with_masks else keras.layers.GlobalMaxPooling2D()(x), name="tiny")
    targets = rectangle_masks(8) if with_masks else np.array([[0.0], [1.0]] * 4)
    images = noise(8)
    model = AugmentedModel(network, augmenter(**ALL), with_masks=with_masks)
    model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["mae"])
    before = [variable.numpy() for variable in network.trainable_variables]
    history = model.fit(images, targets, batch_size=4, epochs=2, verbose=0, validation_data=(images, targets)).history
    assert np.isfinite(history["loss"]).all()
    for variable, old in zip(network.trainable_variables, before, strict=True):
        assert not np.array_equal(variable, old)
    expected = network.predict(images, verbose=0)
    seed_state = keras.ops.convert_to_numpy(model.augmenter_seeds.state).copy()
    assert np.allclose(model.predict(images, verbose=0), expected, atol=1e-6)
    measured = model.evaluate(images, targets, return_dict=True, verbose=0)
    entropy = float(np.mean(keras.losses.binary_crossentropy(targets, expected)))
    assert measured["loss"] == pytest.approx(entropy, abs=1e-5)
    assert measured["mae"] == pytest.approx(np.abs(targets - expected).mean(), abs=1e-5)
    assert np.array_equal(model.augmenter_seeds.state, seed_state)


def test_training_draws_new_transforms_in_every_step():
    model = AugmentedModel(channel_reader(), augmenter(**MOVES), with_masks=False)
    model.compile(keras.optimizers.SGD(0.0), loss="mae")
    images = np.repeat(255 * rectangle_masks(4), 3, axis=-1)
    costs = model.fit(images, rectangle_masks(4), batch_size=4, epochs=3, verbose=0).history["loss"]
    assert len(set(costs)) == 3
