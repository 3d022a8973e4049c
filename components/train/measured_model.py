"""The trained model: a network, its augmentation, its training metric, and the compiled step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from components.common.errors import UserError
from components.common.params import Params
from components.train import settings
from components.train.starting_network import Start
from models.networks import network_files
from models.networks.augment import Augmenter
from models.networks.augmented_model import AugmentedModel
from models.networks.backbones import WeightsUnavailableError
from models.networks.compiled import compiled
from models.networks.network_layout import WEIGHTS


class MeasuredModel(AugmentedModel):
    """An augmented model with one unweighted metric of its training batches.

    Its variables exist from the start, while those of `compile(metrics=...)` appear within the first step: too late to
    be restored, and, under a distribution strategy, too late to be created at all.
    """

    def __init__(
        self, network: keras.Model, augmenter: Augmenter, metric: keras.metrics.Metric, *, with_masks: bool
    ) -> None:
        super().__init__(network, augmenter, with_masks=with_masks)
        self.metric = metric

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metric; Keras has already updated the mean loss."""
        self.metric.update_state(y, y_pred)
        return self.get_metrics_result()

    def compiled_step(self, *, xla: bool) -> Callable[[Any], tf.Tensor]:
        """Return Keras' own step, compiled for the strategy in scope; call `compile` first.

        Returns:
            A function of a batch that returns the mean loss since `reset_metrics`, of this worker's first replica.
        """
        # Built now: variables that first appear inside the compiled step make TensorFlow trace it twice.
        self.optimizer.build(self.trainable_variables)
        strategy = tf.distribute.get_strategy()

        @compiled(jit_compile=xla, reduce_retracing=True)
        def step(batch: Any) -> tf.Tensor:
            logs = strategy.run(self.train_step, args=(batch,))
            return strategy.experimental_local_results(logs["loss"])[0]

        return step


def build(network: str, params: Params, precision: str, start: Start | None = None) -> MeasuredModel:
    """Build `network` ("classifier" or "segmenter") under a Keras dtype policy, with its augmentation.

    Args:
        network: "classifier" or "segmenter".
        params: all parameters.
        precision: name of the policy.
        start: network that gives the weights; None for the one that the parameters name, if any.

    Raises:
        UserError: a parameter is wrong in a way that only the builder detects, pre-trained weights are unavailable, or
            the start is another network or can't be read.
    """
    start, arguments = start or settings.start_of(params, network), settings.network_arguments(params, network)
    soft = network == "segmenter" and params.segmenter.soft_masks
    augmenter = Augmenter(**getattr(params, network).augment.model_dump(exclude={"thick"}), soft=soft, seed=params.seed)
    keras.mixed_precision.set_dtype_policy(precision)
    try:
        built = _built(network, arguments, start)
        return MeasuredModel(built, augmenter, settings.metric_of(network), with_masks=network == "segmenter")
    except (WeightsUnavailableError, ValueError) as error:
        raise UserError(f"params.yaml: {network}: {error}") from error
    finally:
        keras.mixed_precision.set_dtype_policy("float32")


def _built(network: str, arguments: dict[str, Any], start: Start | None) -> keras.Model:
    if start is None:
        return network_files.build(network, arguments)
    try:
        return network_files.build_from(start.folder, network, arguments)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise UserError(
            f"params.yaml: {network}.start: {start.name}: {WEIGHTS} is damaged, or of another network; "
            "copy the folder again"
        ) from error
