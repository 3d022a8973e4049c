"""Averages during training: of the weights over the steps, and of the batch statistics over the replicas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from components.train.measured_model import MeasuredModel
from components.train.model_arrays import copied
from models.networks.compiled import compiled


@contextmanager
def averaged_weights(model: MeasuredModel, momentum: float) -> Iterator[None]:
    """Replace the weights with their moving averages within the block.

    Args:
        model: model whose optimizer keeps the averages.
        momentum: momentum of the averages; 0 if there are none, which changes nothing.
    """
    trained = model.trainable_variables if momentum else []
    current = [copied(variable) for variable in trained]
    if momentum:
        model.optimizer.finalize_variable_values(trained)
    try:
        yield
    finally:  # a stop during validation also saves the state
        for variable, value in zip(trained, current, strict=True):
            variable.assign(value)


def statistics_average(network: keras.Model) -> Callable[[], None]:
    """Compile a function that averages the batch statistics over the replicas; once, rather than at every use."""
    strategy = tf.distribute.get_strategy()

    def average() -> None:
        replica = tf.distribute.get_replica_context()
        for variable in network.non_trainable_weights:
            variable.assign(replica.all_reduce("MEAN", tf.identity(variable.value)))

    return compiled(lambda: strategy.run(average))
