from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from models.augment import AugmentedModel, Augmenter
from models.backbones import WeightsUnavailableError
from models.classifier import classifier, set_strategy
from models.norms import MOMENTUM
from models.resunet import resunet

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")

PRETRAINED = Path(__file__).parents[3] / "shared/weights/mobilenet_1_0_224_imagenet_notop.weights.h5"
needs_pretrained = pytest.mark.skipif(not PRETRAINED.is_file(), reason=f"{PRETRAINED} is not there")


def tiny(strategy: str = "finetune", **arguments: object) -> keras.Model:
    arguments = {"weights": "none", "size": 32, "pooling": "max", "seed": 1} | arguments
    return classifier("MobileNet", strategy=strategy, **arguments)


def trunk(network: keras.Model) -> keras.Model:
    (found,) = [layer for layer in network.layers if isinstance(layer, keras.Model)]
    return found


def batch_norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [layer for layer in trunk(network).layers if isinstance(layer, keras.layers.BatchNormalization)]


def values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


def noise(batch: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (batch, 32, 32, 3)).astype("float32")


def train_a_step(network: keras.Model) -> None:
    network.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", run_eagerly=True)
    network.train_on_batch(noise(6), np.array([[0.0], [1.0]] * 3, "float32"))


def test_frozen_trains_the_head_and_leaves_every_weight_and_statistic_of_the_backbone(backbone_weights):
    network = tiny("frozen", weights=str(backbone_weights))
    head = network.get_layer("tumor_probability")
    assert [id(v) for v in network.trainable_variables] == [id(v) for v in head.variables]
    backbone_before, head_before = values(trunk(network).variables), values(head.variables)
    train_a_step(network)
    assert len(backbone_before) > 100
    for variable, before in zip(trunk(network).variables, backbone_before, strict=True):
        assert np.array_equal(variable, before), variable.path
    for variable, before in zip(head.variables, head_before, strict=True):
        assert not np.array_equal(variable, before), variable.path


def test_finetune_trains_every_weight_and_moves_the_statistics(backbone_weights):
    network = tiny("finetune", weights=str(backbone_weights))
    assert len(network.trainable_variables) == len(trunk(network).trainable_variables) + 2
    variables = network.trainable_variables + [bn.moving_mean for bn in batch_norms(network)]
    before = values(variables)
    train_a_step(network)
    for variable, old in zip(variables, before, strict=True):
        assert not np.array_equal(variable, old), variable.path


def changed(variables: list[keras.Variable], before: list[np.ndarray]) -> list[bool]:
    return [not np.array_equal(variable, old) for variable, old in zip(variables, before, strict=True)]


def test_frozen_then_finetune_starts_frozen_and_set_strategy_releases_the_same_network(backbone_weights):
    network = tiny("frozen_then_finetune", weights=str(backbone_weights))
    head, inside = network.get_layer("tumor_probability").variables, trunk(network).variables
    model = AugmentedModel(network, Augmenter(flip=True, seed=1), with_masks=False)
    targets = np.array([[0.0], [1.0]] * 3, "float32")
    before, head_before = values(inside), values(head)
    for strategy in ("finetune", "frozen"):
        model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy")
        model.fit(noise(6), targets, batch_size=6, verbose=0)
        if strategy == "finetune":  # what was trained up to here was the frozen phase
            assert not any(changed(inside, before))
        else:
            assert all(changed(inside, before))
        assert all(changed(head, head_before))
        before, head_before = values(inside), values(head)
        set_strategy(network, strategy)
    assert {bn.momentum for bn in batch_norms(network)} == {MOMENTUM}
    assert [id(v) for v in network.trainable_variables] == [id(v) for v in head]
    train_a_step(network)
    assert not any(changed(inside, before))


def test_set_strategy_takes_only_what_a_network_can_be_at_one_time(slice_classifier):
    for strategy in ("frozen_then_finetune", "thaw"):
        with pytest.raises(ValueError, match=f"'{strategy}' is neither frozen nor finetune"):
            set_strategy(slice_classifier, strategy)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("ResNet50", 32),
        ("ResNet50V2", 32),
        ("MobileNetV2", 32),
        ("MobileNetV3Small", 32),
        ("EfficientNetB0", 32),
        ("DenseNet121", 32),
        ("ConvNeXtTiny", 32),
        ("VGG16", 32),
        ("Xception", 71),
    ],
)
def test_every_family_of_backbones_gives_probabilities_and_can_be_frozen(name, size):
    network = classifier(name, weights="none", size=size, seed=1)
    pictures = np.random.default_rng(5).integers(0, 256, (2, size, size, 3)).astype("float32")
    probability = keras.ops.convert_to_numpy(network(pictures))
    assert probability.shape == (2, 1)
    assert ((probability > 0) & (probability < 1)).all()
    assert len(network.trainable_variables) == len(trunk(network).trainable_variables) + 2 > 20
    set_strategy(network, "frozen")
    assert len(network.trainable_variables) == 2


@pytest.mark.parametrize(
    ("name", "scales_itself"), [("ConvNeXtTiny", True), ("EfficientNetB0", True), ("VGG16", False)]
)
def test_a_slice_is_scaled_once_whether_the_backbone_does_so_itself_or_not(name, scales_itself):
    network = classifier(name, weights="none", size=32)
    inside = {"Normalization", "Rescaling"} & {type(layer).__name__ for layer in trunk(network).layers}
    before = len(network.operations) - len(["input", "backbone", "dropout", "head"])
    assert (bool(inside), before > 0) == (scales_itself, not scales_itself)


def test_resnet50_is_the_backbone_where_none_is_named():
    assert trunk(classifier(weights="none", size=32)).name == "resnet50"


def check_probability(probability: object) -> None:
    assert keras.ops.dtype(probability) == "float32"
    probability = keras.ops.convert_to_numpy(probability)
    assert probability.shape == (3, 1)
    assert ((probability >= 0) & (probability <= 1)).all()
    assert len(np.unique(probability)) == 3


def test_the_output_is_a_float32_probability_a_slice(slice_classifier):
    check_probability(slice_classifier(noise(3)))


def test_the_output_is_float32_in_mixed_precision_too(backbone_weights):
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        network = tiny(weights=str(backbone_weights))
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert trunk(network).compute_dtype == "bfloat16"
    check_probability(network(noise(3)))


def test_the_backbones_own_scaling_is_inside_the_network(slice_classifier):
    head = slice_classifier.get_layer("tumor_probability")
    features = trunk(slice_classifier)(noise(3) / 127.5 - 1, training=False)
    assert keras.ops.convert_to_numpy(features).std(axis=0).max() > 0.1
    assert np.allclose(slice_classifier(noise(3), training=False), head(features), atol=1e-5)


def test_backbones_get_the_short_memory_of_statistics(slice_classifier, backbone_weights):
    assert MOMENTUM < 0.99
    assert {bn.momentum for bn in batch_norms(tiny())} == {MOMENTUM}
    assert {bn.momentum for bn in batch_norms(slice_classifier)} == {MOMENTUM}
    assert {bn.momentum for bn in batch_norms(tiny("frozen", weights=str(backbone_weights)))} == {MOMENTUM}


@pytest.mark.parametrize("strategy", ["frozen", "frozen_then_finetune"])
def test_a_head_on_frozen_random_features_is_refused(strategy):
    with pytest.raises(ValueError, match=f"strategy {strategy} needs pre-trained weights"):
        tiny(strategy, weights="none")


@pytest.mark.parametrize("name", ["preprocess_input", "decode_predictions", "__name__", "resnet"])
def test_what_is_in_keras_applications_but_no_backbone_is_refused(name):
    with pytest.raises(ValueError, match="no backbone"):
        classifier(name, weights="none", size=32)


def test_a_size_the_backbone_cannot_take_is_not_blamed_on_weights(backbone_weights):
    for weights in ("none", "imagenet", str(backbone_weights)):
        with pytest.raises(ValueError, match=r"^size 16 is too small: MobileNet takes slices of at least 32 pixels$"):
            classifier("MobileNet", weights=weights, size=16)
    with pytest.raises(ValueError, match="size 70 is too small: Xception takes slices of at least 71 pixels"):
        classifier("Xception", weights="none", size=70)


def test_the_seed_repeats_the_dropout(backbone_weights):
    first, second = (tiny(dropout=0.5, seed=3, weights=str(backbone_weights)) for _ in range(2))
    second.get_layer("tumor_probability").set_weights(first.get_layer("tumor_probability").get_weights())
    drawn = [keras.ops.convert_to_numpy(network(noise(4), training=True)) for network in (first, second, first)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match="'half' is none of frozen, finetune, frozen_then_finetune"):
        tiny("half")


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match="no backbone 'MobileNet9'"):
        classifier("MobileNet9", weights="none", size=32)


def test_a_missing_file_of_weights_is_reported_with_its_path(tmp_path):
    missing = tmp_path / "missing.weights.h5"
    with pytest.raises(WeightsUnavailableError, match=f"{missing}: no such file"):
        tiny(weights=str(missing))


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.weights.h5"
    resunet((4, 8), size=32).save_weights(path)
    with pytest.raises(WeightsUnavailableError, match=f"{path}: not weights of MobileNet"):
        tiny(weights=str(path))


def test_weights_of_another_backbone_are_refused(tmp_path):
    path = tmp_path / "quarter.weights.h5"
    keras.applications.MobileNet((32, 32, 3), alpha=0.25, include_top=False, weights=None).save_weights(path)
    with pytest.raises(WeightsUnavailableError, match=f"{path}: not weights of MobileNet"):
        tiny(weights=str(path))


def test_a_file_that_holds_no_weights_is_refused(tmp_path):
    path = tmp_path / "text.weights.h5"
    path.write_text("not weights")
    with pytest.raises(WeightsUnavailableError, match=f"{path}: not weights of MobileNet"):
        tiny(weights=str(path))


def test_a_backbones_own_weights_come_from_the_file(slice_classifier, backbone_weights):
    own = keras.applications.MobileNet((32, 32, 3), include_top=False, weights=None)
    own.load_weights(backbone_weights)
    for loaded, saved in zip(trunk(slice_classifier).get_weights(), own.get_weights(), strict=True):
        assert np.array_equal(loaded, saved)


def test_a_failed_download_is_reported_with_the_backbones_name(monkeypatch, tmp_path):
    fetch = file_utils.get_file

    def fetch_from_nowhere(name, origin, **options):
        return fetch(name, f"file:///nowhere/{name}", cache_dir=tmp_path, **options)

    monkeypatch.setattr(file_utils, "get_file", fetch_from_nowhere)
    with pytest.raises(WeightsUnavailableError, match="ImageNet weights of MobileNet: download failed") as caught:
        tiny(weights="imagenet", size=128)  # 128 is a size that Keras has weights for
    assert "URL fetch failure" in str(caught.value.__cause__)


@needs_pretrained
def test_the_real_pretrained_weights_load_and_tell_pictures_apart():
    network = classifier("MobileNet", weights=str(PRETRAINED), size=64, strategy="frozen", pooling="avg")
    first = trunk(network).get_layer("conv1").get_weights()[0]
    random = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg")
    assert trunk(network).count_params() == random.count_params()
    assert not np.allclose(first, random.get_layer("conv1").get_weights()[0])
    stripes, squares = np.zeros((2, 1, 64, 64, 3), "float32")
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = 255
    squares[:, 16:48, 16:48] = 255
    shifted = np.roll(stripes, 1, axis=2)

    def features(pictures: np.ndarray) -> np.ndarray:
        seen = keras.ops.convert_to_numpy(trunk(network)(pictures / 127.5 - 1))[0]
        return seen / np.linalg.norm(seen)

    assert features(stripes) @ features(shifted) > 0.99
    assert features(stripes) @ features(squares) < 0.9
