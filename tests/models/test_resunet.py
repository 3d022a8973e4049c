"""The ResUNet's structure: blocks, feature maps, numbers of parameters."""

from __future__ import annotations

import keras
import pytest
from network_layers import layers

from models.networks.resunet import resunet

pytest_plugins = ["tiny_networks"]

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture(scope="module")
def default_network():
    """The network of params.yaml at full scale; tests must not change it."""
    return resunet()


PARAMETERS = 1_341_313


def test_the_default_network_has_its_published_number_of_parameters(default_network):
    assert default_network.count_params() == PARAMETERS
    assert default_network.input_shape == (None, 256, 256, 3)
    assert default_network.output_shape == (None, 256, 256, 1)


@pytest.mark.parametrize(
    ("arguments", "difference"),
    [
        ({"neighbors": 2}, 9 * 12 * 16),  # more input channels for the first convolution
        ({"head": "softmax"}, 16 + 1),
        ({"upsampling": "nearest"}, 1_210_513 - PARAMETERS),
        ({"norm": "instance"}, -2 * (2 * 16 + 3 * (2 * (32 + 64 + 128) + 256 + 16))),  # no moving statistics
    ],
)
def test_variants_change_the_number_of_parameters_as_calculated(arguments, difference):
    assert resunet(**arguments).count_params() == PARAMETERS + difference


def block_outputs(network: keras.Model) -> list[tuple[int, ...]]:
    """Output shapes of the blocks: after the last normalisation of the first, after the addition of each res-block."""
    adds = layers(network, keras.layers.Add)
    first = layers(network, keras.layers.MaxPooling2D)[0].input
    return [first.shape[1:]] + [add.output.shape[1:] for add in adds]


def test_the_default_network_has_the_blocks_of_its_specification(default_network):
    pools = layers(default_network, keras.layers.MaxPooling2D)
    encoder = [(256, 256, 16), (128, 128, 32), (64, 64, 64), (32, 32, 128)]
    assert block_outputs(default_network) == [*encoder, (16, 16, 256), *encoder[::-1]]
    assert [pool.output.shape[1:3] for pool in pools] == [(128, 128), (64, 64), (32, 32), (16, 16)]
    convolutions = layers(default_network, keras.layers.Conv2D)
    kernels = [layer.kernel_size for layer in convolutions if not isinstance(layer, keras.layers.Conv2DTranspose)]
    assert kernels.count((3, 3)) == 2 + 8  # two in the first block, one in each of the eight res-blocks ...
    assert kernels.count((1, 1)) == 2 * 8 + 1  # ... and two of 1x1 in each; the last one is the head
    ups = layers(default_network, keras.layers.Conv2DTranspose)
    assert [(layer.kernel_size, layer.strides) for layer in ups] == 4 * [((2, 2), (2, 2))]
    head = default_network.get_layer("tumor")
    assert (head.kernel_size, head.filters, head.activation.__name__) == ((1, 1), 1, "sigmoid")
    kinds = [type(layer).__name__ for layer in default_network.layers]
    start = kinds.index("Conv2D")
    assert kinds[start : start + 7] == 2 * ["Conv2D", "ReLU", "BatchNormalization"] + ["MaxPooling2D"]


@pytest.mark.parametrize("filters", [(4, 6), (3, 5, 7, 9, 11), (2, 4, 4, 4, 4, 4)])
def test_the_network_has_as_many_levels_as_filters(filters):
    size = 2 ** len(filters)
    network = resunet(filters, size=size)
    encoder = [(size >> depth, size >> depth, width) for depth, width in enumerate(filters)]
    assert block_outputs(network) == [*encoder, (1, 1, 2 * filters[-1]), *encoder[::-1]]
    assert network.output_shape == (None, size, size, 1)


@pytest.mark.parametrize("filters", [(), (8,), (2,) * 7])
def test_fewer_than_two_or_more_than_six_filters_are_refused(filters):
    with pytest.raises(ValueError, match=f"are {len(filters)} encoder blocks; 2 to 6 are possible"):
        resunet(filters, size=128)


def test_each_default_level_halves_the_size_and_doubles_the_feature_maps(default_network):
    pools, concatenations = (
        layers(default_network, keras.layers.MaxPooling2D),
        layers(default_network, keras.layers.Concatenate),
    )
    ups = layers(default_network, keras.layers.Conv2DTranspose)
    assert (len(pools), len(concatenations), len(ups)) == (4, 4, 4)
    encoder = [pool.input.shape[1:] for pool in pools]
    assert encoder == [(256, 256, 16), (128, 128, 32), (64, 64, 64), (32, 32, 128)]
    assert ups[0].input.shape[1:] == (16, 16, 256)
    assert [layer.output.shape[1:] for layer in ups] == encoder[::-1]
    decoder = [layer.input.shape[1:] for layer in ups[1:]] + [default_network.get_layer("tumor").input.shape[1:]]
    assert decoder == encoder[::-1]


def test_each_concatenation_takes_encoder_features_of_its_size():
    network = resunet((4, 8, 12), size=32)
    features = [pool.input for pool in layers(network, keras.layers.MaxPooling2D)]
    skips = [join.input[1] for join in layers(network, keras.layers.Concatenate)]
    assert [id(skip) for skip in skips] == [id(feature) for feature in reversed(features)]


def test_nearest_up_sampling_replaces_transposed_convolutions():
    network = resunet((4, 8), size=32, upsampling="nearest")
    assert len(layers(network, keras.layers.UpSampling2D)) == 2
    assert not layers(network, keras.layers.Conv2DTranspose)


def test_a_size_that_cannot_be_halved_often_enough_is_refused():
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
