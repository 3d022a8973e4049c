"""Stage 1: is there a tumour in this slice? Transfer learning from a `keras.applications` backbone.

Strategies: `frozen` trains only the new dense head and keeps the backbone's weights and batch-norm statistics;
`finetune` starts from the same weights and trains the whole network, with a very small learning rate if the weights are
pre-trained; `frozen_then_finetune` does one after the other, so that no random head spoils the pre-trained features
(Kumar et al. 2022, arXiv 2202.10054).
"""

from __future__ import annotations

import keras

from models.networks.backbones import backbone
from models.networks.zoo import scaling

STRATEGIES = ("frozen", "finetune", "frozen_then_finetune")


def set_strategy(network: keras.Model, strategy: str) -> None:
    """Freeze or unfreeze the backbone of a classifier; the weights stay as they are.

    Compile again afterwards: a step compiled before keeps its trainable weights.

    Args:
        network: network from `classifier`.
        strategy: "frozen" or "finetune".

    Raises:
        ValueError: the strategy is neither of them.
    """
    if strategy not in ("frozen", "finetune"):
        raise ValueError(f"strategy {strategy!r} is neither frozen nor finetune")
    (trunk,) = (layer for layer in network.layers if isinstance(layer, keras.Model))
    trunk.trainable = strategy == "finetune"  # a batch normalisation that is not trainable also keeps its statistics


def classifier(
    name: str = "ResNet50",
    *,
    weights: str = "imagenet",
    size: int = 256,
    strategy: str = "finetune",
    pooling: str = "avg",
    dropout: float = 0.2,
    neighbors: int = 0,
    normalization: str = "unit",
    seed: int | None = None,
) -> keras.Model:
    """Build the slice classifier.

    Args:
        name: one of `zoo.BACKBONES`.
        weights: see `backbone`.
        size: side length of the square input, pixels.
        strategy: one of `STRATEGIES`; frozen_then_finetune gives the frozen network, for `set_strategy` to unfreeze.
        pooling: "avg" or "max", over the last feature maps.
        dropout: fraction of the pooled features dropped in each training step.
        neighbors: number of slices that are seen on either side of the one in question.
        normalization: "slice" or "unit", see `zoo.scaling`.
        seed: seed of the dropout.

    Returns:
        A model from [batch, size, size, 3 (2 neighbors + 1)], whole numbers 0..255, to the tumour probability [batch,
        1], float32 in 0..1. The backbone's own preprocessing is its first layer.

    Raises:
        ValueError: the strategy or backbone is unknown, a frozen phase has no pre-trained weights, or the size is too
            small.
        WeightsUnavailableError: see `backbone`.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy {strategy!r} is none of {', '.join(STRATEGIES)}")
    if strategy != "finetune" and weights == "none":
        raise ValueError(f"strategy {strategy} needs pre-trained weights: a head on random features learns nothing")
    slices = keras.Input((size, size, 3 * (2 * neighbors + 1)), name="slices")
    x = scaling(name, normalization)(slices)
    x = backbone(name, weights, size, pooling, neighbors)(x)
    x = keras.layers.Dropout(dropout, seed=seed)(x)
    x = keras.layers.Dense(1, activation="sigmoid", dtype="float32", name="tumor_probability")(x)
    network = keras.Model(slices, x, name="classifier")
    set_strategy(network, "finetune" if strategy == "finetune" else "frozen")
    return network
