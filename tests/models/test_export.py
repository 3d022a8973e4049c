"""The SavedModels of the networks: their signatures, and the same outputs as the networks."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.networks import export, preprocessing

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.xdist_group("layered")

THRESHOLD = 0.4


@pytest.fixture(scope="module")
def saved_classifier(slice_classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    export.export_classifier(slice_classifier, folder)
    return tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def saved_segmenter(segmenter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("segmenter")
    export.export_segmenter(segmenter, folder, threshold=THRESHOLD)
    return tf.saved_model.load(str(folder))


def probability(network: keras.Model, slices: np.ndarray) -> np.ndarray:
    return network(preprocessing.to_grid(slices, 32), training=False).numpy()


def pixel_probability(network: keras.Model, slices: np.ndarray) -> np.ndarray:
    return tf.image.resize(probability(network, slices), slices.shape[1:3]).numpy()


@pytest.fixture(params=[5, 1], ids=["batch of 5", "batch of 1"])
def batch(request):
    return request.param


def test_outputs_of_the_shared_networks_vary(slice_classifier, segmenter, slices):
    assert probability(slice_classifier, slices).std() > 0.1
    assert pixel_probability(segmenter, slices).std() > 0.1


@pytest.mark.parametrize("channels", [1, 6, 9])
def test_slices_with_another_number_of_channels_are_refused(saved_classifier, saved_segmenter, channels):
    for saved in (saved_classifier, saved_segmenter):
        with pytest.raises(tf.errors.InvalidArgumentError, match="is not compatible with expected shape"):
            saved.signatures["serving_default"](slices=tf.zeros((2, 40, 48, channels), tf.uint8))


def test_the_signatures_have_their_documented_names_and_types(saved_classifier, saved_segmenter):
    assert set(saved_classifier.signatures) == {"serving_default", "examples"}
    assert set(saved_segmenter.signatures) == {"serving_default", "examples", "evaluate"}
    for saved in (saved_classifier, saved_segmenter):
        for name, signature in saved.signatures.items():
            (spec,) = signature.structured_input_signature[1].values()
            slices_spec = tf.TensorSpec([None, None, None, 3], tf.uint8, name="slices")
            expected = slices_spec if name == "serving_default" else export.SERIALIZED
            assert (spec.shape.as_list(), spec.dtype, spec.name) == (
                expected.shape.as_list(),
                expected.dtype,
                expected.name,
            )


def test_the_saved_classifier_gives_the_networks_outputs(saved_classifier, slice_classifier, slices, batch):
    (served,) = saved_classifier.signatures["serving_default"](slices=tf.constant(slices[:batch])).items()
    assert served[0] == "tumor_probability"
    assert served[1].dtype == tf.float32
    assert served[1].shape == (batch, 1)
    assert np.allclose(served[1], probability(slice_classifier, slices[:batch]), atol=1e-5)


def test_the_saved_segmenter_gives_the_networks_outputs(saved_segmenter, segmenter, slices, batch):
    (served,) = saved_segmenter.signatures["serving_default"](slices=tf.constant(slices[:batch])).items()
    assert served[0] == "mask_probability"
    assert served[1].dtype == tf.float32
    assert served[1].shape == (batch, 40, 48, 1)
    assert np.allclose(served[1], pixel_probability(segmenter, slices[:batch]), atol=1e-5)


@pytest.mark.parametrize("side", [32, 70])
def test_the_saved_networks_accept_slices_of_any_size(
    side, saved_classifier, saved_segmenter, slice_classifier, segmenter
):
    slices = np.random.default_rng(5).integers(0, 256, (2, side, side, 3)).astype("uint8")
    served = saved_classifier.signatures["serving_default"](slices=tf.constant(slices))["tumor_probability"]
    assert np.allclose(served, probability(slice_classifier, slices), atol=1e-5)
    served = saved_segmenter.signatures["serving_default"](slices=tf.constant(slices))["mask_probability"]
    assert np.allclose(served, pixel_probability(segmenter, slices), atol=1e-5)


def test_examples_give_the_same_outputs_as_slices(saved_classifier, saved_segmenter, slices, serialized, batch):
    for saved in (saved_classifier, saved_segmenter):
        from_slices = saved.signatures["serving_default"](slices=tf.constant(slices[:batch]))
        from_examples = saved.signatures["examples"](examples=tf.constant(serialized[:batch]))
        assert from_slices.keys() == from_examples.keys()
        for name, tensor in from_slices.items():
            assert np.allclose(from_examples[name], tensor, atol=1e-6)


def test_evaluate_counts_pixels_as_numpy_does(saved_segmenter, segmenter, slices, masks, serialized, batch):
    counted = saved_segmenter.signatures["evaluate"](examples=tf.constant(serialized[:batch]))
    maps = pixel_probability(segmenter, slices[:batch])
    found, truth = maps >= THRESHOLD, masks[:batch] == 1
    undecided = (np.abs(maps - THRESHOLD) < 1e-5).sum(axis=(1, 2))  # rounding may tip these either way
    assert undecided.sum() < 5
    assert 0 < found.sum() < found.size
    assert set(counted) == {"intersection", "predicted", "reference"}
    assert all(tensor.dtype == tf.float32 and tensor.shape == (batch, 1) for tensor in counted.values())
    assert np.array_equal(counted["reference"], truth.sum(axis=(1, 2)))
    assert (np.abs(counted["predicted"] - found.sum(axis=(1, 2))) <= undecided).all()
    assert (np.abs(counted["intersection"] - (found & truth).sum(axis=(1, 2))) <= undecided).all()
