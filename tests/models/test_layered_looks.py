"""What else the layered model looks at: a slice's neighbours, its mirror image."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from layered_check import MASK_THRESHOLD, check, serve

from models import examples
from models.networks import preprocessing
from models.networks.resunet import resunet
from models.serving.layered_model import Layered

pytest_plugins = ["tiny_networks", "layered_by_hand"]
pytestmark = pytest.mark.xdist_group("layered")


@pytest.fixture(scope="module")
def wide_slices(slices):
    """Each slice between its neighbours, the scan's ends repeated."""
    before, after = slices[[0, 0, 1, 2, 3]], slices[[1, 2, 3, 4, 4]]
    return np.concatenate([before, slices, after], axis=-1)


@pytest.fixture(scope="module")
def brightness():
    """A classifier by the slice's own mean, which spreads the five slices around a half."""
    head = keras.layers.Dense(1, activation="sigmoid")
    network = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D(), head])
    head.set_weights([np.full((3, 1), 0.02), np.array([-4.5])])
    return network


def lopsided(neighbors=0):
    """A classifier that sees a slice and its mirror image differently, and every channel."""
    parts = [keras.layers.Rescaling(1 / 255), keras.layers.AveragePooling2D(8), keras.layers.Flatten()]
    head = keras.layers.Dense(1, activation="sigmoid")
    return keras.Sequential([keras.Input((32, 32, 3 * (2 * neighbors + 1))), *parts, head])


@pytest.fixture(scope="module")
def wide(brightness, tmp_path_factory):
    keras.utils.set_random_seed(7)
    network = resunet((4, 8), size=32, neighbors=1, norm="instance")
    layered = Layered(brightness, network, mask_threshold=MASK_THRESHOLD)
    assert layered.neighbors == 1
    folder = tmp_path_factory.mktemp("wide")
    layered.save(folder)
    return tf.saved_model.load(str(folder)), network


def test_neighbours_reach_the_segmenter_and_the_middle_alone_the_classifier(wide, wide_slices, slices, brightness):
    saved, network = wide
    probability = brightness(preprocessing.to_grid(slices, 32)).numpy()[:, 0]
    assert 0 < (probability >= 0.5).sum() < 5
    maps = network(preprocessing.to_grid(wide_slices, 32), training=False)
    maps = tf.image.resize(maps, slices.shape[1:3]).numpy()[..., 0]
    stages = saved.signatures["stages"](slices=tf.constant(wide_slices))
    assert np.allclose(stages["tumor_probability"], probability, atol=1e-5)
    assert np.allclose(stages["mask_probability"], maps, atol=1e-5)
    check(serve(saved, wide_slices), probability, maps, 0.5)
    alone = np.concatenate([np.zeros_like(slices), slices, np.zeros_like(slices)], axis=-1)
    without = saved.signatures["stages"](slices=tf.constant(alone))
    assert np.array_equal(without["tumor_probability"], stages["tumor_probability"])
    assert np.abs(without["mask_probability"] - stages["mask_probability"]).max() > 0.01


def test_examples_with_neighbours_give_the_same_as_slices(wide, wide_slices, slices, masks, example_values):
    saved, _ = wide
    around = zip(slices[[0, 0, 1, 2, 3]], slices[[1, 2, 3, 4, 4]], strict=True)
    serialized = [
        examples.encode_example(example_values(picture, mask, neighbors=[before.tobytes(), after.tobytes()]))
        for picture, mask, (before, after) in zip(slices, masks, around, strict=True)
    ]
    from_examples = saved.signatures["examples"](examples=tf.constant(serialized))
    from_slices = serve(saved, wide_slices)
    assert from_slices["mask"].any()
    for name, value in from_slices.items():
        assert np.allclose(from_examples[name], value, atol=1e-6), name


def test_slices_without_the_neighbours_that_a_model_needs_are_refused(wide, slices):
    with pytest.raises((TypeError, ValueError, tf.errors.InvalidArgumentError)):
        wide[0].signatures["serving_default"](slices=tf.constant(slices))


@pytest.mark.parametrize(("of_classifier", "of_segmenter"), [(1, 0), (0, 1), (2, 1)])
def test_each_stage_sees_as_many_neighbours_as_it_was_trained_with(of_classifier, of_segmenter):
    keras.utils.set_random_seed(3)
    networks = (lopsided(of_classifier), resunet((2, 2), size=32, neighbors=of_segmenter))
    model = Layered(*networks)
    assert model.neighbors == max(of_classifier, of_segmenter)
    channels = 3 * (2 * model.neighbors + 1)
    slices = np.random.default_rng(2).integers(0, 256, (2, 32, 32, channels), dtype=np.uint8)
    said = model.stages(tf.constant(slices))
    for network, output in zip(networks, ("tumor_probability", "mask_probability"), strict=True):
        out = (channels - network.input_shape[-1]) // 2
        expected = network(slices[..., out : channels - out].astype("float32"), training=False)
        assert np.allclose(said[output], np.squeeze(expected, -1), atol=1e-5)


def test_with_the_mirror_image_both_looks_count_the_same(slices, tmp_path):
    keras.utils.set_random_seed(3)
    networks = lopsided(), resunet((4, 8), size=32, norm="instance")
    Layered(*networks, mirror=True).save(tmp_path)
    stages = tf.saved_model.load(str(tmp_path)).signatures["stages"]
    plain = Layered(*networks).stages
    one, other = (plain(tf.constant(look)) for look in (slices, slices[:, :, ::-1].copy()))
    found = stages(slices=tf.constant(slices))
    turned = stages(slices=tf.constant(slices[:, :, ::-1].copy()))
    for output, turn in (("tumor_probability", np.s_[:]), ("mask_probability", np.s_[:, :, ::-1])):
        assert np.allclose(found[output], (one[output] + other[output].numpy()[turn]) / 2, atol=1e-5)
        assert not np.allclose(found[output], one[output], atol=1e-3)
        assert np.allclose(found[output], turned[output].numpy()[turn], atol=1e-5)
