"""Stage 1: is there a tumour in this slice? Transfer learning from a `keras.applications` backbone.

Strategies: `frozen` trains only the new dense head and keeps the backbone's weights and batch-norm statistics;
`finetune` starts from the same weights and trains the whole network, with a very small learning rate where the
weights are pre-trained; `frozen_then_finetune` does one after the other, so that no random head spoils the pre-trained
features (Kumar et al. 2022, arXiv 2202.10054).
"""

from __future__ import annotations

import re
from pathlib import Path

import keras

from models import preprocessing

# keras.applications average batch statistics over hundreds of steps (0.99). MRI's differ from photographs', and in a
# short run a model would be scored with stale ones.
MOMENTUM = 0.9

STRATEGIES = ("frozen", "finetune", "frozen_then_finetune")


class WeightsUnavailableError(RuntimeError):
    """The pre-trained weights can't be had; the message says which and what to do."""


def backbone(name: str, weights: str, size: int, pooling: str = "avg") -> keras.Model:
    """Build `keras.applications.<name>` without its top, pooled to a vector.

    Args:
        name: a backbone's name, e.g. "ResNet50" (He et al. 2015, arXiv 1512.03385).
        weights: "imagenet" downloads them, a path loads that file, "none" starts at random.
        size: side of the square input, pixels.
        pooling: "avg" or "max", over the last feature maps.

    Raises:
        ValueError: no such backbone, or a size it can't take.
        WeightsUnavailableError: the download failed, the file is missing, or it belongs to another network.
    """
    preprocessing.for_backbone(name)  # refuses a name that is no backbone's
    build = getattr(keras.applications, name)
    shape = {"include_top": False, "input_shape": (size, size, 3), "pooling": pooling}
    if weights not in ("none", "imagenet") and not Path(weights).is_file():
        raise WeightsUnavailableError(
            f"{weights}: no such file of weights; set classifier.weights to imagenet, none or a file"
        )
    try:
        plain = build(weights=None, **shape)  # whatever is wrong with the arguments shows here
    except ValueError as error:
        least = re.search(r"at least (\d+)", str(error))
        raise ValueError(
            f"size {size} is too small: {name} takes slices of at least {least[1]} pixels" if least else str(error)
        ) from error
    if weights == "none":
        return plain
    try:
        return build(weights=weights, **shape)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        if weights == "imagenet":
            raise WeightsUnavailableError(
                f"ImageNet weights of {name}: download failed; without internet set classifier.weights "
                "to the path of a .weights.h5 file, or to none"
            ) from error
        raise WeightsUnavailableError(
            f"{weights}: not weights of {name} without its top; give that network's own file"
        ) from error


def set_strategy(network: keras.Model, strategy: str) -> None:
    """Freeze the backbone of a classifier or release it; the weights stay as they are.

    Compile again afterwards: what was compiled before keeps training what it did.

    Args:
        network: what `classifier` gave.
        strategy: "frozen" or "finetune".
    """
    if strategy not in ("frozen", "finetune"):
        raise ValueError(f"strategy {strategy!r} is neither frozen nor finetune")
    (trunk,) = (layer for layer in network.layers if isinstance(layer, keras.Model))
    trunk.trainable = strategy == "finetune"  # a batch normalisation that is not trainable keeps its statistics, too
    if trunk.trainable:
        for layer in trunk.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = MOMENTUM


def classifier(
    name: str = "ResNet50",
    *,
    weights: str = "imagenet",
    size: int = 256,
    strategy: str = "finetune",
    pooling: str = "avg",
    dropout: float = 0.2,
    seed: int | None = None,
) -> keras.Model:
    """Build the slice classifier.

    Args:
        name: a backbone of `keras.applications`.
        weights: see `backbone`.
        size: side of the square input, pixels.
        strategy: one of `STRATEGIES`; frozen_then_finetune gives the frozen network, for `set_strategy` to release.
        pooling: "avg" or "max", over the last feature maps.
        dropout: share of the pooled features that a training step leaves out.
        seed: of the dropout.

    Returns:
        A model from [batch, size, size, 3], whole numbers 0..255, to the tumour probability [batch, 1], float32 in
        0..1. The backbone's own preprocessing is its first layer.

    Raises:
        ValueError: an unknown strategy or backbone, a frozen phase without pre-trained weights, or too small a size.
        WeightsUnavailableError: see `backbone`.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy {strategy!r} is none of {', '.join(STRATEGIES)}")
    if strategy != "finetune" and weights == "none":
        raise ValueError(f"strategy {strategy} needs pre-trained weights: a head on random features learns nothing")
    slices = keras.Input((size, size, 3), name="slices")
    x = preprocessing.for_backbone(name)(slices)
    x = backbone(name, weights, size, pooling)(x)
    x = keras.layers.Dropout(dropout, seed=seed)(x)
    x = keras.layers.Dense(1, activation="sigmoid", dtype="float32", name="tumor_probability")(x)
    network = keras.Model(slices, x, name="classifier")
    set_strategy(network, "finetune" if strategy == "finetune" else "frozen")
    return network
