"""From parameters to what training needs: the network's arguments, phases, loss, metric, sampler and paster."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import ops

from components.common.errors import UserError
from components.common.params import Params
from components.train.same_architecture import check_architecture
from components.train.starting_network import Start, read_start
from models.networks import losses
from models.networks.metrics import PooledDice


@dataclass(frozen=True)
class Phase:
    """Epochs up to `last`, counted from 1 and inclusive, with one optimizer; `strategy` is the classifier's."""

    last: int
    learning_rate: float
    strategy: str | None = None


def network_arguments(params: Params, network: str) -> dict[str, Any]:
    """Arguments of the builder of `network` ("classifier" or "segmenter")."""
    if network == "classifier":
        group = params.classifier
        return {
            "name": group.backbone,
            "weights": group.weights,
            "size": group.image_size,
            "strategy": group.strategy,
            "pooling": group.pooling,
            "dropout": group.dropout,
            "neighbors": group.neighbors,
            "normalization": group.normalization,
            "seed": params.seed,
        }
    segmenter = params.segmenter
    encoder = {} if segmenter.backbone is None else {"backbone": segmenter.backbone, "weights": segmenter.weights}
    return {
        **encoder,
        "filters": list(segmenter.filters),
        "size": segmenter.image_size,
        "normalization": segmenter.normalization,
        "norm": segmenter.norm,
        "head": segmenter.head,
        "upsampling": segmenter.upsampling,
        "neighbors": segmenter.neighbors,
    }


def start_of(params: Params, network: str, folder: Path | None = None) -> Start | None:
    """Read the network that `network` starts from; None if it starts from none.

    Args:
        params: all parameters.
        network: "classifier" or "segmenter".
        folder: copy of its files, if they are not where the parameter says.

    Raises:
        UserError: see `read_start`; or its architecture differs from that of the parameters.
    """
    start = read_start(params, network, folder)
    if start:
        check_architecture(start, network, network_arguments(params, network))
    return start


def phases(params: Params, network: str) -> list[Phase]:
    """Return the phases of training, in order."""
    if network == "segmenter":
        return [Phase(params.segmenter.epochs, params.segmenter.learning_rate)]
    group = params.classifier
    if group.strategy != "frozen_then_finetune":
        return [Phase(group.epochs, group.learning_rate, group.strategy)]
    return [
        Phase(group.head_epochs, group.head_learning_rate, "frozen"),
        Phase(group.epochs, group.learning_rate, "finetune"),
    ]


def check_updates(params: Params, network: str, steps: int) -> None:
    """Check how the parameters suit the number of steps; warns of a moving average that is too slow.

    Args:
        params: all parameters.
        network: "classifier" or "segmenter".
        steps: batches per epoch.

    Raises:
        UserError: a phase never updates the weights.
    """
    group, first, batches = getattr(params, network), 1, 0
    for phase in phases(params, network):
        batches = steps * (phase.last + 1 - first)
        if batches < group.accumulate:
            raise UserError(
                f"params.yaml: {network}.accumulate is {group.accumulate}, and epochs {first} to {phase.last} have "
                f"{batches} batches: weights would never change; lower it"
            )
        first = phase.last + 1
    left = group.average**batches
    if left > 0.5:
        print(
            f"{network}: after {batches} batches, a moving average of {group.average:g} still holds {left:.0%} of the "
            f"initial weights; lower {network}.average"
        )


def loss_of(params: Params, network: str) -> Callable[[Any, Any], Any]:
    """Loss of (targets, predictions), [batch]; the segmenter's is pooled over the batch, so its values are equal.

    Keras averages over the batch, then over replicas; without a batch axis it would skip the replicas.
    """
    if network == "classifier":
        return keras.losses.binary_crossentropy
    pooled = losses.LOSSES[params.segmenter.loss]
    return lambda y_true, y_pred: ops.broadcast_to(pooled(y_true, y_pred), ops.shape(y_pred)[:1])


def balance(params: Params, network: str) -> tuple[float | None, bool]:
    """Return the fraction of tumour slices in a batch, None for the data's; and whether the rarer kind weighs more."""
    if network == "segmenter":
        return params.segmenter.tumor_share, False
    kind = params.classifier.imbalance
    return 0.5 if kind == "sample" else None, kind == "weight"


def metric_of(network: str) -> keras.metrics.Metric:
    """Metric of the training batches, after augmentation."""
    return keras.metrics.AUC(name="auroc") if network == "classifier" else PooledDice()


def weights_hash(params: Params, network: str) -> str:
    """SHA-256 of the local file of pre-trained weights of `network`; "" if there is none, as for "imagenet" and "none".

    A network that starts from another reads no such file, either.
    """
    if getattr(params, network).start is not None:
        return ""
    file = Path(getattr(params, network).weights)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
