from __future__ import annotations

import keras
import numpy as np
import pytest

from models.networks import losses
from models.networks.resunet import resunet

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture(scope="module")
def default():
    """The network of params.yaml at full scale; to be looked at only."""
    return resunet()


def layers(network: keras.Model, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if isinstance(layer, kind)]


PARAMETERS = 1_341_313


def test_the_default_network_has_its_published_number_of_parameters(default):
    assert default.count_params() == PARAMETERS
    assert default.input_shape == (None, 256, 256, 3)
    assert default.output_shape == (None, 256, 256, 1)


@pytest.mark.parametrize(
    ("arguments", "difference"),
    [
        ({"neighbors": 2}, 9 * 12 * 16),  # more input channels for the first convolution
        ({"head": "softmax"}, 16 + 1),
        ({"upsampling": "nearest"}, 1_210_513 - PARAMETERS),
        ({"norm": "instance"}, -2 * (2 * 16 + 3 * (2 * (32 + 64 + 128) + 256 + 16))),  # no moving statistics
    ],
)
def test_what_the_variants_add_to_the_default_number_of_parameters(arguments, difference):
    assert resunet(**arguments).count_params() == PARAMETERS + difference


def block_outputs(network: keras.Model) -> list[tuple[int, ...]]:
    """Shapes of what each block gives: of the first block its last normalisation, of res-blocks the ReLU at the end."""
    adds = layers(network, keras.layers.Add)
    first = layers(network, keras.layers.MaxPooling2D)[0].input
    return [first.shape[1:]] + [add.output.shape[1:] for add in adds]


def test_the_default_network_has_the_blocks_of_its_specification(default):
    pools = layers(default, keras.layers.MaxPooling2D)
    encoder = [(256, 256, 16), (128, 128, 32), (64, 64, 64), (32, 32, 128)]
    assert block_outputs(default) == [*encoder, (16, 16, 256), *encoder[::-1]]
    assert [pool.output.shape[1:3] for pool in pools] == [(128, 128), (64, 64), (32, 32), (16, 16)]
    convolutions = layers(default, keras.layers.Conv2D)
    kernels = [layer.kernel_size for layer in convolutions if not isinstance(layer, keras.layers.Conv2DTranspose)]
    assert kernels.count((3, 3)) == 2 + 8  # the first block has two, each of eight res-blocks one ...
    assert kernels.count((1, 1)) == 2 * 8 + 1  # ... beside two of 1x1; the head is the last
    ups = layers(default, keras.layers.Conv2DTranspose)
    assert [(layer.kernel_size, layer.strides) for layer in ups] == 4 * [((2, 2), (2, 2))]
    head = default.get_layer("tumor")
    assert (head.kernel_size, head.filters, head.activation.__name__) == ((1, 1), 1, "sigmoid")
    kinds = [type(layer).__name__ for layer in default.layers]
    start = kinds.index("Conv2D")
    assert kinds[start : start + 7] == 2 * ["Conv2D", "ReLU", "BatchNormalization"] + ["MaxPooling2D"]


@pytest.mark.parametrize("filters", [(4, 6), (3, 5, 7, 9, 11), (2, 4, 4, 4, 4, 4)])
def test_as_many_levels_as_filters(filters):
    size = 2 ** len(filters)
    network = resunet(filters, size=size)
    encoder = [(size >> depth, size >> depth, width) for depth, width in enumerate(filters)]
    assert block_outputs(network) == [*encoder, (1, 1, 2 * filters[-1]), *encoder[::-1]]
    assert network.output_shape == (None, size, size, 1)


@pytest.mark.parametrize("filters", [(), (8,), (2,) * 7])
def test_fewer_than_two_or_more_than_six_filters_are_refused(filters):
    with pytest.raises(ValueError, match=f"are {len(filters)} encoder blocks; 2 to 6 are possible"):
        resunet(filters, size=128)


def noise(batch: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (batch, 32, 32, channels)).astype("float32")


@pytest.mark.parametrize(("norm", "alone"), [("batch", False), ("instance", True), ("group", True)])
def test_only_batch_normalisation_lets_a_slice_depend_on_its_batch_in_training(norm, alone):
    network = resunet((4, 12), size=32, norm=norm)
    images = noise(3)
    together = keras.ops.convert_to_numpy(network(images, training=True))[:1]
    single = keras.ops.convert_to_numpy(network(images[:1], training=True))
    assert np.allclose(single, together, atol=1e-4) == alone
    inferred = keras.ops.convert_to_numpy(network(images, training=False))[:1]
    assert np.allclose(inferred, together, atol=1e-5) == alone
    assert together.std() > 0.01


def test_groups_are_eight_or_as_many_fewer_as_divide_the_feature_maps():
    norms = layers(resunet((4, 12, 20), size=32, norm="group"), keras.layers.GroupNormalization)
    groups = {norm.output.shape[-1]: norm.groups for norm in norms}
    assert groups == {4: 4, 12: 6, 20: 5, 40: 8}
    norms = layers(resunet((4, 12), size=32, norm="instance"), keras.layers.GroupNormalization)
    assert {norm.output.shape[-1]: norm.groups for norm in norms} == {4: 4, 12: 12, 24: 24}


@pytest.mark.parametrize("normalization", ["slice", "unit"])
def test_a_network_that_ignores_the_neighbours_is_the_one_that_sees_only_the_middle_slice(normalization):
    shape = {"size": 32, "normalization": normalization}
    wide, plain = resunet((4, 8), neighbors=2, **shape), resunet((4, 8), **shape)
    assert wide.input_shape == (None, 32, 32, 15)
    assert wide.output_shape == (None, 32, 32, 1)
    first, *others = plain.get_weights()
    kernel = np.zeros((3, 3, 15, 4), "float32")
    kernel[:, :, 6:9] = first
    wide.set_weights([kernel, *others])
    images = noise(2, 15) * np.linspace(0.2, 1, 15)
    assert np.allclose(wide(images), plain(images[..., 6:9]), atol=1e-4)


def test_every_neighbour_counts():
    network = resunet((4, 8), size=32, neighbors=1)
    images = noise(1, 9)
    for channel in range(9):
        other = images.copy()
        other[..., channel] = 255 - other[..., channel]
        assert not np.allclose(network(other), network(images), atol=1e-3), channel


def test_the_default_network_has_four_levels_that_halve_the_side_and_double_the_feature_maps(default):
    pools, joins = layers(default, keras.layers.MaxPooling2D), layers(default, keras.layers.Concatenate)
    ups = layers(default, keras.layers.Conv2DTranspose)
    assert (len(pools), len(joins), len(ups)) == (4, 4, 4)
    encoder = [pool.input.shape[1:] for pool in pools]
    assert encoder == [(256, 256, 16), (128, 128, 32), (64, 64, 64), (32, 32, 128)]
    assert ups[0].input.shape[1:] == (16, 16, 256)
    assert [layer.output.shape[1:] for layer in ups] == encoder[::-1]
    decoder = [layer.input.shape[1:] for layer in ups[1:]] + [default.get_layer("tumor").input.shape[1:]]
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


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match="normalization 'volume' is none of unit, slice"):
        resunet((4, 8), size=32, normalization="volume")
    with pytest.raises(ValueError, match="head 'relu' is neither sigmoid nor softmax"):
        resunet((4, 8), size=32, head="relu")
    with pytest.raises(ValueError, match="up-sampling 'cubic' is neither transpose nor nearest"):
        resunet((4, 8), size=32, upsampling="cubic")
    with pytest.raises(ValueError, match="norm 'layer' is none of batch, instance, group"):
        resunet((4, 8), size=32, norm="layer")
    with pytest.raises(ValueError, match="neighbors -1 is negative"):
        resunet((4, 8), size=32, neighbors=-1)


@pytest.mark.parametrize(
    ("head", "upsampling", "norm"),
    [("sigmoid", "transpose", "batch"), ("softmax", "nearest", "instance"), ("sigmoid", "nearest", "group")],
)
def test_training_on_bright_squares_lowers_the_loss_and_moves_every_weight(head, upsampling, norm):
    random = np.random.default_rng(5)
    masks = np.zeros((6, 32, 32, 1), "float32")
    for index, (row, column) in enumerate(random.integers(2, 18, (6, 2))):
        masks[index, row : row + 12, column : column + 12] = 1
    images = 60 + 120 * masks + random.integers(0, 40, (6, 32, 32, 3))
    network = resunet((4, 8), size=32, head=head, upsampling=upsampling, norm=norm)
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(network.trainable_variables)  # within the first step, it would have the step compiled twice
    network.compile(optimizer, loss=losses.focal_tversky, jit_compile=False)
    before = network.get_weights()
    history = [float(network.train_on_batch(images, masks))]
    for variable, old in zip(network.weights, before, strict=True):
        assert not np.array_equal(variable, old), variable.path
    history += [float(network.train_on_batch(images, masks)) for _ in range(11)]
    assert np.isfinite(history).all()
    assert history[-1] < 0.8 * history[0]
