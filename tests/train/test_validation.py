"""Scores on the validation patients after each epoch."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tiny_training import spotted_scan, to_slices

from components.common.errors import UserError
from components.metrics.mask_scores import dice
from components.train.epoch_validation import MONITORED, Validator
from models.networks import losses

# Patients with different numbers of slices, one of them without tumour.
SCANS = [spotted_scan(f"p{i}", slices=n) for i, n in enumerate((5, 8, 3, 7))]
SCANS[2].mask[:] = False
SLICES = to_slices(SCANS)


def tiny_segmenter(neighbors=0):
    """A network that finds most of the bright spots, and some noise, and that uses all of its channels."""
    channels = 3 * (2 * neighbors + 1)
    network = keras.Sequential([keras.Input((32, 32, channels)), keras.layers.Conv2D(1, 3, padding="same")])
    rng = np.random.default_rng(1)
    weights = rng.uniform(-0.01, 0.01, (3, 3, channels, 1))
    weights[:, :, 3 * neighbors : 3 * neighbors + 3] = rng.uniform(0.02, 0.06, (3, 3, 3, 1))
    network.layers[0].set_weights([weights, np.array([-110.0])])
    inputs = network.inputs[0]
    return keras.Model(inputs, keras.ops.sigmoid(network(inputs) / 10.0))


def tiny_classifier():
    """A network that usually, but not always, gives slices with tumour a higher probability."""
    network = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)])
    network.layers[-1].set_weights([np.array([[1.0], [-0.9], [0.0]]), np.array([-6.5])])
    inputs = network.inputs[0]
    return keras.Model(inputs, keras.ops.sigmoid(network(inputs)))


def validator(network, slices=SLICES, *, with_masks=True, neighbors=0, batch=4, check=lambda: None):
    loss = losses.crossentropy if with_masks else keras.losses.binary_crossentropy
    return Validator(
        network, slices, with_masks=with_masks, loss=loss, batch=batch, neighbors=neighbors, xla=False, check=check
    )


@pytest.mark.parametrize("neighbors", [0, 1])
def test_volume_dice_is_the_mean_over_patients_with_tumour(neighbors):
    network = tiny_segmenter(neighbors)
    expected, first = [], 0
    for scan in SCANS:
        numbers = np.arange(first, first + len(scan.image))
        predicted = network(SLICES.take_images(SLICES.neighbor_indices(neighbors)[numbers])).numpy()[..., 0] >= 0.5
        if scan.mask.any():
            expected.append(dice(scan.mask, predicted))
        first += len(scan.image)
    found = validator(network, neighbors=neighbors)()["val_volume_dice"]
    assert found == pytest.approx(np.mean(expected), abs=1e-12)
    assert 0.2 < found < 0.99
    assert len({round(one, 3) for one in expected}) == 3


def test_scans_of_the_same_patient_are_one_volume():
    network, patients = tiny_segmenter(), np.where(SLICES.patients == 3, 1, SLICES.patients)
    predicted = network(SLICES.images).numpy() >= 0.5
    expected = [dice(SLICES.masks[patients == one] > 0, predicted[patients == one]) for one in (0, 1)]
    found = validator(network, replace(SLICES, patients=patients))()["val_volume_dice"]
    assert found == pytest.approx(np.mean(expected), abs=1e-12)


def test_auroc_is_the_chance_that_a_slice_with_tumour_ranks_higher():
    network = tiny_classifier()
    probability = network(SLICES.images).numpy()[:, 0]
    with_tumor, without_tumor = probability[SLICES.has_tumor], probability[~SLICES.has_tumor]
    chance = np.mean((with_tumor[:, None] > without_tumor) + 0.5 * (with_tumor[:, None] == without_tumor))
    found = validator(network, with_masks=False)()["val_auroc"]
    assert found == pytest.approx(chance, abs=1e-12)
    assert found == roc_auc_score(SLICES.has_tumor, probability)
    assert 0.5 < found < 0.95


@pytest.mark.parametrize("with_masks", [True, False])
@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_batch_size_does_not_change_scores(with_masks, batch):
    network = tiny_segmenter() if with_masks else tiny_classifier()
    expected = validator(network, with_masks=with_masks)()
    found = validator(network, with_masks=with_masks, batch=batch)()
    assert found == pytest.approx(expected, rel=1e-5)
    assert set(found) == {"val_loss", MONITORED["segmenter" if with_masks else "classifier"]}


def test_the_loss_is_the_mean_over_all_slices():
    network = tiny_classifier()
    targets = SLICES.has_tumor[:, None].astype("float32")
    expected = np.mean(keras.losses.binary_crossentropy(targets, network(SLICES.images)))
    assert validator(network, with_masks=False, batch=7)()["val_loss"] == pytest.approx(expected, rel=1e-5)


def test_validation_runs_the_network_as_in_serving_and_keeps_it_unchanged():
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Dropout(0.9)(keras.layers.BatchNormalization()(inputs))
    network = keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))
    before, validate = network.get_weights(), validator(network)
    first, second = validate(), validate()
    assert first == second
    for one, other in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nan_probabilities_give_a_nan_score():
    network = tiny_classifier()
    network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    assert np.isnan(validator(network, with_masks=False)()["val_auroc"])


def test_requests_to_stop_are_checked_before_each_batch():
    batches = []

    def stop_at_the_third():
        batches.append(1)
        if len(batches) == 3:
            raise SystemExit(143)

    with pytest.raises(SystemExit):
        validator(tiny_segmenter(), check=stop_at_the_third)()
    assert len(batches) == 3


@pytest.mark.parametrize(("has_tumor", "with_masks"), [(False, True), (False, False), (True, False)])
def test_validation_patients_of_only_one_kind_are_reported_in_one_line(has_tumor, with_masks):
    slices = replace(SLICES, has_tumor=np.full(len(SLICES), has_tumor))
    with pytest.raises(UserError, match=r"^data/splits\.csv: the validation patients lack [^\n]+; raise split\.val$"):
        validator(tiny_classifier(), slices, with_masks=with_masks)


def test_masks_can_be_validated_if_every_slice_shows_tumour():
    scan = spotted_scan("p")
    inside = slice(2, 7)
    slices = to_slices([replace(scan, image=scan.image[inside], mask=scan.mask[inside])])
    assert validator(tiny_segmenter(), slices)()["val_volume_dice"] > 0.2
