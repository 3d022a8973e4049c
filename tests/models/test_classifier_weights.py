"""Pre-trained weights of the classifier: where they come from, and which are refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.utils import file_utils
from small_backbone import Small
from tiny_classifiers import tiny_classifier, trunk

from models.networks.backbones import WeightsUnavailableError
from models.networks.classifier import classifier
from models.networks.resunet import resunet

pytest_plugins = ["tiny_networks"]
pytestmark = [pytest.mark.usefixtures("seeded"), pytest.mark.xdist_group("backbones")]

PRETRAINED = Path(__file__).parents[3] / "shared/weights/mobilenet_1_0_224_imagenet_notop.weights.h5"
needs_pretrained = pytest.mark.skipif(not PRETRAINED.is_file(), reason=f"{PRETRAINED} is not there")


@pytest.mark.parametrize("name", ["preprocess_input", "decode_predictions", "__name__", "resnet"])
def test_non_backbones_in_keras_applications_are_refused(name):
    with pytest.raises(ValueError, match="no backbone"):
        classifier(name, weights="none", size=32)


def test_a_size_too_small_is_not_blamed_on_the_weights(backbone_weights):
    for weights in ("none", "imagenet", str(backbone_weights)):
        with pytest.raises(ValueError, match=r"^size 16 is too small: MobileNet takes slices of at least 32 pixels$"):
            classifier("MobileNet", weights=weights, size=16)
    with pytest.raises(ValueError, match="size 70 is too small: Xception takes slices of at least 71 pixels"):
        classifier("Xception", weights="none", size=70)


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match="no backbone 'MobileNet9'"):
        classifier("MobileNet9", weights="none", size=32)


def test_a_missing_weights_file_is_reported_with_its_path(tmp_path):
    missing = tmp_path / "missing.weights.h5"
    with pytest.raises(WeightsUnavailableError, match=f"{missing}: no such file"):
        tiny_classifier(weights=str(missing))


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.weights.h5"
    resunet((4, 8), size=32).save_weights(path)
    with pytest.raises(WeightsUnavailableError, match=f"{path}: not weights of Small"):
        tiny_classifier(weights=str(path))


def test_weights_of_another_backbone_are_refused(tmp_path):
    path = tmp_path / "quarter.weights.h5"
    keras.applications.MobileNet((32, 32, 3), alpha=0.25, include_top=False, weights=None).save_weights(path)
    with pytest.raises(WeightsUnavailableError, match=f"{path}: not weights of Small"):
        tiny_classifier(weights=str(path))


def test_a_file_without_weights_is_refused(tmp_path):
    path = tmp_path / "text.weights.h5"
    path.write_text("not weights")
    with pytest.raises(WeightsUnavailableError, match=f"{path}: not weights of Small"):
        tiny_classifier(weights=str(path))


def test_backbone_weights_are_loaded_from_the_file(slice_classifier, backbone_weights):
    reference = Small(input_shape=(32, 32, 3))
    reference.load_weights(backbone_weights)
    for loaded, saved in zip(trunk(slice_classifier).get_weights(), reference.get_weights(), strict=True):
        assert np.array_equal(loaded, saved)


def test_a_failed_download_is_reported_with_the_backbone_name(monkeypatch, tmp_path):
    fetch = file_utils.get_file

    def fetch_missing_file(name, origin, **options):
        return fetch(name, f"file:///nowhere/{name}", cache_dir=tmp_path, **options)

    monkeypatch.setattr(file_utils, "get_file", fetch_missing_file)
    with pytest.raises(WeightsUnavailableError, match="ImageNet weights of MobileNet: download failed") as caught:
        classifier("MobileNet", weights="imagenet", size=128)  # Keras has weights for size 128
    assert "URL fetch failure" in str(caught.value.__cause__)


@needs_pretrained
def test_real_pretrained_weights_load_and_distinguish_images():
    network = classifier("MobileNet", weights=str(PRETRAINED), size=64, strategy="frozen", pooling="avg")
    with h5py.File(PRETRAINED) as file:
        first = file["layers/conv2d/vars/0"][()]
    assert np.array_equal(trunk(network).get_layer("conv1").get_weights()[0], first)
    stripes, squares = np.zeros((2, 1, 64, 64, 3), "float32")
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = 255
    squares[:, 16:48, 16:48] = 255
    shifted = np.roll(stripes, 1, axis=2)

    def features(images: np.ndarray) -> np.ndarray:
        vector = keras.ops.convert_to_numpy(trunk(network)(images / 127.5 - 1))[0]
        return vector / np.linalg.norm(vector)

    assert features(stripes) @ features(shifted) > 0.99
    assert features(stripes) @ features(squares) < 0.9
