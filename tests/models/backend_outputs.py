"""Outputs of the networks, losses and augmentation under the current Keras backend: `both_backends.py FOLDER`.

Reads the weights `FOLDER/<network>.weights.h5`, written by the other backend, and writes `FOLDER/<backend>.npz`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import keras
import numpy as np
from small_backbone import Small

from models.networks import losses, preprocessing, warp
from models.networks.augment import Augmenter
from models.networks.augmented_model import AugmentedModel
from models.networks.classifier import classifier
from models.networks.metrics import PooledDice
from models.networks.network_files import segmenter
from models.networks.zoo import scaling

SEGMENTERS = {
    "segmenter": {},
    "segmenter_instance": {"norm": "instance", "head": "softmax", "upsampling": "nearest"},
    "segmenter_on_a_backbone": {"backbone": "Small", "weights": "none"},
    "segmenter_group": {"norm": "group", "normalization": "unit", "neighbors": 1},
}


def networks() -> dict[str, keras.Model]:
    built = {name: segmenter(filters=(4, 12), size=32, **arguments) for name, arguments in SEGMENTERS.items()}
    return built | {"classifier": classifier(Small.__name__, weights="none", size=32, pooling="max", seed=1)}


def batch(channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Slices with values 0..255, and masks with borders as smooth as a tumour's."""
    random = np.random.default_rng(5)
    coarse = random.uniform(0, 255, (4, 8, 8, channels)).repeat(4, axis=1).repeat(4, axis=2)
    images = np.clip(coarse + random.uniform(-20, 20, coarse.shape), 0, 255).astype("float32")
    return images, (images[..., :1] > 127).astype("float32")


def fixed_uniform(shape: tuple[int, ...], low: float, high: float, **_: object) -> object:
    """Random-looking numbers that every backend shares: from the same seed, backends draw different numbers."""
    spread = np.modf(np.arange(np.prod(shape)) * 0.618034 + 0.3)[0].reshape(shape)
    return keras.ops.convert_to_tensor(low + (high - low) * spread, "float32")


def compiled(function: Callable[..., object]) -> Callable[..., object]:
    """Under JAX, compile a function as a whole: operation by operation, it takes longer."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def named_outputs(folder: Path, networks: dict[str, keras.Model]) -> Iterator[tuple[str, object]]:
    images, masks = batch()
    probabilities = np.clip(0.6 * masks + images[..., 1:2] / 700, 0, 1)
    for name, loss in losses.LOSSES.items():
        yield name, compiled(loss)(masks, probabilities)
        yield f"{name}_of_nothing", compiled(loss)(np.zeros_like(masks), probabilities)
    metric = PooledDice()
    metric.update_state(masks, probabilities)
    metric.update_state(masks[:1], probabilities[:1])
    yield "pooled_dice", metric.result()

    yield "to_grid", compiled(partial(preprocessing.to_grid, size=20))(images)
    yield "mask_to_grid", compiled(partial(preprocessing.mask_to_grid, size=20))(masks)
    yield "from_grid", compiled(partial(preprocessing.from_grid, height=45, width=40))(probabilities)
    for name, normalize in preprocessing.NORMALIZATIONS.items():
        yield name, compiled(normalize)(images)
    for name in ("ResNet50", "MobileNet", "DenseNet121", "ConvNeXtTiny"):
        scaled = compiled(scaling(name))
        yield f"scaled_for_{name}", scaled(keras.ops.convert_to_tensor(images))

    yield "smooth_field", compiled(partial(warp.smooth_field, size=33))(fixed_uniform((2, 7, 7, 2), -1, 1))
    with mock.patch("keras.random.uniform", fixed_uniform):
        augmenter = Augmenter(
            flip=True, rotate=15, zoom=0.1, shift=0.1, elastic=0.1, intensity=0.2, gamma=0.3, bias=0.3
        )
        yield from zip(("augmented", "augmented_masks"), compiled(augmenter)(images, masks), strict=True)

    for name, network in networks.items():
        network.load_weights(folder / f"{name}.weights.h5")
        yield name, compiled(partial(network, training=False))(batch(network.input_shape[-1])[0])


def train_one_step(network: keras.Model, loss: object, targets: np.ndarray, metric: keras.metrics.Metric) -> None:
    augmenter = Augmenter(
        flip=True, rotate=10, zoom=0.1, shift=0.05, elastic=0.05, intensity=0.1, gamma=0.2, bias=0.2, seed=1
    )
    images, _ = batch(network.input_shape[-1])
    model = AugmentedModel(network, augmenter, with_masks=targets.ndim == 4)
    model.compile(keras.optimizers.Adam(0.01), loss=loss, metrics=[metric])
    weights, seeds = network.get_weights(), np.array(augmenter.seeds.state)
    history = model.fit(images, targets, batch_size=4, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all(), history
    assert 0 <= history[metric.name][0] <= 1, history
    for variable, old in zip(network.weights, weights, strict=True):
        assert not np.array_equal(variable, old), variable.path
    assert (np.array(augmenter.seeds.state) != seeds).any()
    if model.with_masks:  # compiles two more functions, so only for the smaller network
        assert np.allclose(model.predict(images, verbose=0), network.predict(images, verbose=0), atol=1e-6)


def outputs(folder: Path, networks: dict[str, keras.Model]) -> dict[str, np.ndarray]:
    return {name: keras.ops.convert_to_numpy(value) for name, value in named_outputs(folder, networks)}


if __name__ == "__main__":
    output_folder = Path(sys.argv[1])
    all_networks = networks()
    np.savez(output_folder / f"{keras.backend.backend()}.npz", **outputs(output_folder, all_networks))
    train_one_step(all_networks["segmenter"], losses.focal_tversky, batch()[1], PooledDice())
    train_one_step(
        all_networks["classifier"], "binary_crossentropy", np.array([[0.0], [1.0]] * 2), keras.metrics.AUC(name="auroc")
    )
    print(f"trained under {keras.backend.backend()}")
