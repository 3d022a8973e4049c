from __future__ import annotations

import keras
import numpy as np
import pytest

from models import losses
from models.resunet import resunet

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")


def layers(network: keras.Model, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if isinstance(layer, kind)]


@pytest.mark.parametrize(("upsampling", "count"), [("transpose", 1_341_313), ("nearest", 1_210_513)])
def test_the_default_network_has_its_published_number_of_parameters(upsampling, count):
    network = resunet(upsampling=upsampling)
    assert network.count_params() == count
    assert network.input_shape == (None, 256, 256, 3)
    assert network.output_shape == (None, 256, 256, 1)


def test_the_default_network_has_four_levels_that_halve_the_side_and_double_the_feature_maps():
    network = resunet()
    pools, joins = layers(network, keras.layers.MaxPooling2D), layers(network, keras.layers.Concatenate)
    ups = layers(network, keras.layers.Conv2DTranspose)
    assert (len(pools), len(joins), len(ups)) == (4, 4, 4)
    encoder = [pool.input.shape[1:] for pool in pools]
    assert encoder == [(256, 256, 16), (128, 128, 32), (64, 64, 64), (32, 32, 128)]
    assert ups[0].input.shape[1:] == (16, 16, 256)
    assert [layer.output.shape[1:] for layer in ups] == encoder[::-1]
    decoder = [layer.input.shape[1:] for layer in ups[1:]] + [network.get_layer("tumor").input.shape[1:]]
    assert decoder == encoder[::-1]


def test_each_concatenation_takes_the_encoders_features_of_its_size():
    network = resunet((4, 8, 12), size=32)
    features = [pool.input for pool in layers(network, keras.layers.MaxPooling2D)]
    skips = [join.input[1] for join in layers(network, keras.layers.Concatenate)]
    assert [id(skip) for skip in skips] == [id(feature) for feature in reversed(features)]


def test_nearest_repeats_pixels_instead_of_up_sampling_convolutions():
    network = resunet((4, 8), size=32, upsampling="nearest")
    assert len(layers(network, keras.layers.UpSampling2D)) == 2
    assert not layers(network, keras.layers.Conv2DTranspose)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_either_head_gives_a_float32_probability_a_pixel(head, precision):
    keras.mixed_precision.set_dtype_policy(precision)
    try:
        network = resunet((4, 8), size=32, head=head)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    images = np.random.default_rng(5).integers(0, 256, (3, 32, 32, 3)).astype("float32")
    maps = network(images)
    assert keras.ops.dtype(maps) == "float32"
    maps = keras.ops.convert_to_numpy(maps)
    assert maps.shape == (3, 32, 32, 1)
    assert ((maps >= 0) & (maps <= 1)).all()
    assert maps.std() > 0.01


def test_the_softmax_head_gives_the_second_class():
    network = resunet((4, 8), size=32, head="softmax")
    images = np.random.default_rng(5).integers(0, 256, (2, 32, 32, 3)).astype("float32")
    background, tumor = np.moveaxis(keras.Model(network.input, network.get_layer("classes").output)(images), -1, 0)
    assert np.allclose(network(images)[..., 0], 1 / (1 + np.exp(background - tumor)), atol=1e-6)


def test_slice_normalization_takes_a_slices_brightness_away_and_unit_keeps_it():
    images = np.random.default_rng(5).integers(0, 256, (2, 32, 32, 3)).astype("float32")
    by_slice, unit = resunet((4, 8), size=32), resunet((4, 8), size=32, normalization="unit")
    unit.set_weights(by_slice.get_weights())
    dimmed = 0.5 * images + 20
    assert np.allclose(by_slice(dimmed), by_slice(images), atol=1e-4)
    assert not np.allclose(unit(dimmed), unit(images), atol=0.01)
    standard = (images - images.mean(axis=(1, 2), keepdims=True)) / images.std(axis=(1, 2), keepdims=True)
    assert np.allclose(unit(127.5 * (standard + 1)), by_slice(images), atol=1e-4)


def test_a_side_that_the_poolings_cannot_halve_is_refused():
    with pytest.raises(ValueError, match="size 250 is not a multiple of 16"):
        resunet(size=250)
    with pytest.raises(ValueError, match="size 36 is not a multiple of 8"):
        resunet((4, 8, 8), size=36)
    assert resunet((4, 8, 8), size=40).output_shape == (None, 40, 40, 1)


def test_an_unknown_head_up_sampling_or_normalization_is_refused():
    with pytest.raises(ValueError, match="normalization 'volume' is none of unit, slice"):
        resunet((4, 8), size=32, normalization="volume")
    with pytest.raises(ValueError, match="head 'relu' is neither sigmoid nor softmax"):
        resunet((4, 8), size=32, head="relu")
    with pytest.raises(ValueError, match="up-sampling 'cubic' is neither transpose nor nearest"):
        resunet((4, 8), size=32, upsampling="cubic")


@pytest.mark.parametrize(("head", "upsampling"), [("sigmoid", "transpose"), ("softmax", "nearest")])
def test_training_on_bright_squares_lowers_the_loss_and_moves_every_weight(head, upsampling):
    random = np.random.default_rng(5)
    masks = np.zeros((6, 32, 32, 1), "float32")
    for index, (row, column) in enumerate(random.integers(2, 18, (6, 2))):
        masks[index, row : row + 12, column : column + 12] = 1
    images = 60 + 120 * masks + random.integers(0, 40, (6, 32, 32, 3))
    network = resunet((4, 8), size=32, head=head, upsampling=upsampling)
    network.compile(keras.optimizers.Adam(0.01), loss=losses.focal_tversky, run_eagerly=True)
    before = network.get_weights()
    history = [float(network.train_on_batch(images, masks))]
    for variable, old in zip(network.weights, before, strict=True):
        assert not np.array_equal(variable, old), variable.path
    history += [float(network.train_on_batch(images, masks)) for _ in range(11)]
    assert np.isfinite(history).all()
    assert history[-1] < 0.8 * history[0]
