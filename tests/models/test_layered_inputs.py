"""The layered model with further inputs: a slice's neighbours and its mirror image."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from layered_check import MASK_THRESHOLD, check_outputs, serve

from models import examples
from models.networks import preprocessing
from models.networks.resunet import resunet
from models.serving.layered_model import Layered

pytest_plugins = ["tiny_networks", "layered_fixtures"]
pytestmark = pytest.mark.xdist_group("layered")


@pytest.fixture(scope="module")
def wide_slices(slices):
    """Each slice with its neighbours; the scan's first and last slices are repeated."""
    before, after = slices[[0, 0, 1, 2, 3]], slices[[1, 2, 3, 4, 4]]
    return np.concatenate([before, slices, after], axis=-1)


@pytest.fixture(scope="module")
def brightness_classifier():
    """A classifier by the mean of a slice, whose probabilities for the five slices spread around 0.5."""
    head = keras.layers.Dense(1, activation="sigmoid")
    network = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D(), head])
    head.set_weights([np.full((3, 1), 0.02), np.array([-4.5])])
    return network


def asymmetric_classifier(neighbors=0):
    """A classifier that depends on every channel and gives a slice and its mirror image different outputs."""
    parts = [keras.layers.Rescaling(1 / 255), keras.layers.AveragePooling2D(8), keras.layers.Flatten()]
    head = keras.layers.Dense(1, activation="sigmoid")
    return keras.Sequential([keras.Input((32, 32, 3 * (2 * neighbors + 1))), *parts, head])


@pytest.fixture(scope="module")
def wide_model(brightness_classifier, tmp_path_factory):
    keras.utils.set_random_seed(7)
    network = resunet((4, 8), size=32, neighbors=1, norm="instance")
    layered = Layered(brightness_classifier, network, mask_threshold=MASK_THRESHOLD)
    assert layered.neighbors == 1
    folder = tmp_path_factory.mktemp("wide")
    layered.save(folder)
    return tf.saved_model.load(str(folder)), network


def test_the_segmenter_gets_neighbours_and_the_classifier_only_the_middle(
    wide_model, wide_slices, slices, brightness_classifier
):
    saved, network = wide_model
    probability = brightness_classifier(preprocessing.to_grid(slices, 32)).numpy()[:, 0]
    assert 0 < (probability >= 0.5).sum() < 5
    maps = network(preprocessing.to_grid(wide_slices, 32), training=False)
    maps = tf.image.resize(maps, slices.shape[1:3]).numpy()[..., 0]
    stages = saved.signatures["stages"](slices=tf.constant(wide_slices))
    assert np.allclose(stages["tumor_probability"], probability, atol=1e-5)
    assert np.allclose(stages["mask_probability"], maps, atol=1e-5)
    check_outputs(serve(saved, wide_slices), probability, maps, 0.5)
    alone = np.concatenate([np.zeros_like(slices), slices, np.zeros_like(slices)], axis=-1)
    without = saved.signatures["stages"](slices=tf.constant(alone))
    assert np.array_equal(without["tumor_probability"], stages["tumor_probability"])
    assert np.abs(without["mask_probability"] - stages["mask_probability"]).max() > 0.01


def test_examples_with_neighbours_give_the_same_outputs_as_slices(
    wide_model, wide_slices, slices, masks, example_values
):
    saved, _ = wide_model
    surrounding = zip(slices[[0, 0, 1, 2, 3]], slices[[1, 2, 3, 4, 4]], strict=True)
    serialized = [
        examples.encode_example(example_values(pixels, mask, neighbors=[before.tobytes(), after.tobytes()]))
        for pixels, mask, (before, after) in zip(slices, masks, surrounding, strict=True)
    ]
    from_examples = saved.signatures["examples"](examples=tf.constant(serialized))
    from_slices = serve(saved, wide_slices)
    assert from_slices["mask"].any()
    for name, value in from_slices.items():
        assert np.allclose(from_examples[name], value, atol=1e-6), name


@pytest.mark.parametrize("signature", ["serving_default", "stages", "maps"])
@pytest.mark.parametrize("neighbors", [0, 2])
def test_slices_with_another_number_of_neighbours_are_refused(wide_model, slices, signature, neighbors):
    repeated = tf.constant(np.concatenate([slices] * (2 * neighbors + 1), axis=-1))
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not compatible with expected shape"):
        wide_model[0].signatures[signature](slices=repeated)


@pytest.mark.parametrize(("classifier_neighbors", "segmenter_neighbors"), [(1, 0), (0, 1), (2, 1)])
def test_each_stage_gets_the_number_of_neighbours_it_was_trained_with(classifier_neighbors, segmenter_neighbors):
    keras.utils.set_random_seed(3)
    networks = (asymmetric_classifier(classifier_neighbors), resunet((2, 2), size=32, neighbors=segmenter_neighbors))
    model = Layered(*networks)
    assert model.neighbors == max(classifier_neighbors, segmenter_neighbors)
    channels = 3 * (2 * model.neighbors + 1)
    slices = np.random.default_rng(2).integers(0, 256, (2, 32, 32, channels), dtype=np.uint8)
    outputs = model.stages(tf.constant(slices))
    for network, output in zip(networks, ("tumor_probability", "mask_probability"), strict=True):
        margin = (channels - network.input_shape[-1]) // 2
        expected = network(slices[..., margin : channels - margin].astype("float32"), training=False)
        assert np.allclose(outputs[output], np.squeeze(expected, -1), atol=1e-5)


def test_outputs_for_slice_and_mirror_image_are_averaged(slices, tmp_path):
    keras.utils.set_random_seed(3)
    networks = asymmetric_classifier(), resunet((4, 8), size=32, norm="instance")
    Layered(*networks, mirror=True).save(tmp_path)
    stages = tf.saved_model.load(str(tmp_path)).signatures["stages"]
    plain = Layered(*networks).stages
    one, other = (plain(tf.constant(view)) for view in (slices, slices[:, :, ::-1].copy()))
    found = stages(slices=tf.constant(slices))
    mirrored = stages(slices=tf.constant(slices[:, :, ::-1].copy()))
    for output, flip in (("tumor_probability", np.s_[:]), ("mask_probability", np.s_[:, :, ::-1])):
        assert np.allclose(found[output], (one[output] + other[output].numpy()[flip]) / 2, atol=1e-5)
        assert not np.allclose(found[output], one[output], atol=1e-3)
        assert np.allclose(found[output], mirrored[output].numpy()[flip], atol=1e-5)
