"""The classifier's backbones, scaling, output and dropout."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from tiny_classifiers import batch_norms, noise, tiny_classifier, trunk

from models.networks.classifier import classifier, set_strategy
from models.networks.norms import MOMENTUM

pytest_plugins = ["tiny_networks"]
pytestmark = [pytest.mark.usefixtures("seeded"), pytest.mark.xdist_group("backbones")]
nightly = pytest.mark.nightly  # the first three already show what our code does to a backbone


@pytest.fixture(
    scope="module",
    params=[
        "ResNet50",
        "MobileNet",
        "EfficientNetB0",
        *(pytest.param(name, marks=nightly) for name in ("ResNet50V2", "MobileNetV2", "MobileNetV3Small", "VGG16")),
        *(pytest.param(name, marks=nightly) for name in ("DenseNet121", "ConvNeXtTiny", "Xception")),
    ],
)
def named_classifier(request):
    """A backbone's name, one per family, and a classifier on it. A test may freeze it but not change it otherwise."""
    keras.utils.set_random_seed(7)
    size = 71 if request.param == "Xception" else 32
    named = [] if request.param == "ResNet50" else [request.param]  # the default
    return request.param, classifier(*named, weights="none", size=size, seed=1)


@pytest.mark.parametrize("named_classifier", ["ResNet50"], indirect=True)
def test_resnet50_is_the_default_backbone(named_classifier):
    assert trunk(named_classifier[1]).name == "resnet50"


def test_each_backbone_family_gives_probabilities_and_can_be_frozen(named_classifier):
    _, network = named_classifier
    size = network.input_shape[1]
    images = np.random.default_rng(5).integers(0, 256, (2, size, size, 3)).astype("float32")
    probability = keras.ops.convert_to_numpy(network(images))
    assert probability.shape == (2, 1)
    assert ((probability > 0) & (probability < 1)).all()
    assert len(network.trainable_variables) == len(trunk(network).trainable_variables) + 2 > 20
    set_strategy(network, "frozen")
    assert len(network.trainable_variables) == 2


# Public modules of keras.applications whose `preprocess_input` scales slices as a family's pre-training did.
FAMILIES = {
    "ResNet50": "resnet",
    "MobileNet": "mobilenet",
    "EfficientNetB0": "efficientnet",
    "ResNet50V2": "resnet_v2",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3Small": "mobilenet_v3",
    "VGG16": "vgg16",
    "DenseNet121": "densenet",
    "ConvNeXtTiny": "convnext",
    "Xception": "xception",
}


def test_the_backbone_sees_slices_as_its_family_scales_them(named_classifier):
    name, network = named_classifier
    size = network.input_shape[1]
    images = np.random.default_rng(5).integers(0, 256, (2, size, size, 3)).astype("float32")
    scale = getattr(keras.applications, FAMILIES[name]).preprocess_input
    recorder = Recorder(trunk(network))
    keras.models.clone_model(network, clone_function=lambda layer: recorder if layer is trunk(network) else layer)(
        images
    )
    expected = scale(images.copy())
    assert np.allclose(recorder.seen, expected, atol=1e-4)
    if name not in ("ConvNeXtTiny", "EfficientNetB0", "MobileNetV3Small"):  # they scale inside
        assert abs(expected - images).mean() > 10


class Recorder(keras.layers.Layer):
    """A backbone that also keeps the numbers that it is given."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone, self.seen = backbone, None

    def call(self, images, training=None, mask=None):
        if not isinstance(images, keras.KerasTensor):
            self.seen = keras.ops.convert_to_numpy(images)
        return self.backbone(images)

    def compute_output_shape(self, shape):
        return self.backbone.compute_output_shape(shape)


def test_slices_are_scaled_once_by_the_network_or_the_backbone(named_classifier):
    name, network = named_classifier
    scales_itself = name in ("ConvNeXtTiny", "EfficientNetB0", "MobileNetV3Small")
    scaling_layers = {"Normalization", "Rescaling"} & {type(layer).__name__ for layer in trunk(network).layers}
    operations_before = len(network.operations) - len(["input", "backbone", "dropout", "head"])
    assert (bool(scaling_layers), operations_before > 0) == (scales_itself, not scales_itself)


def check_probability(probability: object) -> None:
    assert keras.ops.dtype(probability) == "float32"
    probability = keras.ops.convert_to_numpy(probability)
    assert probability.shape == (3, 1)
    assert ((probability >= 0) & (probability <= 1)).all()
    assert len(np.unique(probability)) == 3


def test_the_output_is_a_float32_probability_per_slice(slice_classifier):
    check_probability(slice_classifier(noise(3)))


def test_the_output_is_float32_in_mixed_precision_too(backbone_weights):
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        network = tiny_classifier(weights=str(backbone_weights))
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert trunk(network).compute_dtype == "bfloat16"
    check_probability(network(noise(3)))


def test_the_backbones_scaling_is_part_of_the_network(slice_classifier):
    head = slice_classifier.get_layer("tumor_probability")
    features = trunk(slice_classifier)(noise(3) / 127.5 - 1, training=False)
    assert keras.ops.convert_to_numpy(features).std(axis=0).max() > 0.1
    assert np.allclose(slice_classifier(noise(3), training=False), head(features), atol=1e-5)


def test_backbones_get_our_lower_batch_norm_momentum(slice_classifier):
    assert MOMENTUM < 0.99
    assert {bn.momentum for bn in batch_norms(tiny_classifier())} == {MOMENTUM}
    assert {bn.momentum for bn in batch_norms(slice_classifier)} == {MOMENTUM}


def test_the_same_seed_repeats_the_dropout(backbone_weights):
    network = tiny_classifier(dropout=0.5, seed=3, weights=str(backbone_weights))
    (dropout,) = (layer for layer in network.layers if isinstance(layer, keras.layers.Dropout))
    again = keras.layers.Dropout(0.5, seed=3)
    dropped = [
        keras.ops.convert_to_numpy(layer(np.ones((4, 50)), training=True)) for layer in (dropout, again, dropout)
    ]
    assert np.array_equal(dropped[0], dropped[1])
    assert not np.array_equal(dropped[0], dropped[2])
