"""A pytest plugin: tiny networks and slices that the tests of networks share. Tests must not train or change them.

This is not a conftest.py, because a second one would hide `tests/conftest.py` from the tests that import from it.
Files that use the same fixtures are in one xdist group, `layered` or `backbones`, so that one worker builds them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from batch_norm_calibration import calibrate_batch_norms
from small_backbone import Small

from models import examples
from models.networks.classifier import classifier
from models.networks.resunet import resunet

SIZE = 32
FILTERS = (4, 8, 8, 8)


@pytest.fixture
def seeded() -> None:
    """Make random weights the same in every run."""
    keras.utils.set_random_seed(7)


@pytest.fixture(scope="session")
def slices() -> np.ndarray:
    """Five uint8 slices, dark to bright, of 40 x 48 pixels: neither square nor of the networks' size."""
    random = np.random.default_rng(3)
    coarse = random.integers(0, 256, (5, 10, 12, 3)) * np.linspace(0.2, 1.0, 5)[:, None, None, None]
    return coarse.repeat(4, axis=1).repeat(4, axis=2).astype("uint8")


@pytest.fixture(scope="session")
def masks() -> np.ndarray:
    """Reference masks {0, 1} of `slices`: squares, the first one empty."""
    squares = np.zeros((5, 40, 48, 1), "uint8")
    for index in range(1, 5):
        squares[index, 4 : 8 + 4 * index, 10 : 20 + 3 * index] = 1
    return squares


@pytest.fixture(scope="session")
def small_slices(slices: np.ndarray) -> tf.Tensor:
    """The `slices` at 32 x 32 pixels, 0..255."""
    return tf.image.resize(tf.cast(slices, tf.float32), (SIZE, SIZE), antialias=True)


@pytest.fixture(scope="session")
def backbone_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file with which the small backbone's features differ from slice to slice."""
    keras.utils.set_random_seed(7)
    backbone = Small(input_shape=(SIZE, SIZE, 3))
    calibrate_batch_norms(backbone, -1.0, 1.0, seed=1)
    path = tmp_path_factory.mktemp("weights") / "backbone.weights.h5"
    backbone.save_weights(path)
    return path


@pytest.fixture(scope="session")
def slice_classifier(small_slices: tf.Tensor, backbone_weights: Path) -> keras.Model:
    """A classifier whose head spreads the slices' probabilities, so that wrong outputs can't look right."""
    keras.utils.set_random_seed(7)
    network = classifier("Small", weights=str(backbone_weights), size=SIZE, pooling="max", seed=7)
    head = network.get_layer("tumor_probability")
    features = keras.Model(network.input, head.input)(small_slices, training=False).numpy()
    kernel, _ = head.get_weights()
    logits = features @ kernel
    scale = 1.0 / logits.std()
    head.set_weights([kernel * scale, -scale * np.median(logits, axis=0)])
    return network


@pytest.fixture(scope="session")
def segmenter() -> keras.Model:
    """A small segmenter at 32 pixels."""
    keras.utils.set_random_seed(7)
    network = resunet(FILTERS, size=SIZE)
    calibrate_batch_norms(network, 0.0, 255.0, seed=2)
    return network


@pytest.fixture(scope="session")
def example_values() -> Callable[..., dict[str, object]]:
    """Build the values of one tf.Example from a slice [h, w, 3] and its mask {0, 1} [h, w, 1]."""

    def values(pixels: np.ndarray, mask: np.ndarray, **changes: object) -> dict[str, object]:
        example: dict[str, object] = {
            "patient": "patient-1",
            "site": "CS",
            "slice": 11,
            "height": pixels.shape[0],
            "width": pixels.shape[1],
            "image": pixels.tobytes(),
            "neighbors": [],
            "mask": mask.tobytes(),
            "has_tumor": int(mask.any()),
            "tumor_pixels": int(mask.sum()),
            "missing_pre": 0,
            "missing_post": 1,
        }
        for number, name in enumerate(examples.INTENSITIES):
            example[name] = 10.5 + number
        return example | changes

    return values


@pytest.fixture(scope="session")
def serialized(slices: np.ndarray, masks: np.ndarray, example_values: Callable[..., dict[str, object]]) -> list[bytes]:
    """The `slices` and `masks` as serialised tf.Examples."""
    pairs = zip(slices, masks, strict=True)
    return [examples.encode_example(example_values(pixels, mask)) for pixels, mask in pairs]
