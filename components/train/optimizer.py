"""Adam with a learning-rate schedule that is a function of the step alone, so that training can be resumed."""

from __future__ import annotations

from typing import Any

import keras

from components.train.adam import Adam


class ByUpdate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule in updates for an optimizer that accumulates gradients: Keras asks by batch.

    Args:
        rate: schedule in updates.
        accumulate: batches per update.
    """

    def __init__(self, rate: keras.optimizers.schedules.LearningRateSchedule, accumulate: int) -> None:
        self.rate, self.accumulate = rate, accumulate

    def __call__(self, step: Any) -> Any:
        """Learning rate of the update to which batch `step` belongs."""
        return self.rate(step // self.accumulate)


def optimizer(
    peak: float, steps: int, epochs: int, accumulate: int, average: float = 0.0
) -> keras.optimizers.Optimizer:
    """Adam with one epoch of linear warm-up from a tenth, then cosine decay to zero: functions of the step alone.

    Cosine decay: Loshchilov and Hutter 2017, arXiv 1608.03983.

    Args:
        peak: highest learning rate.
        steps: batches per epoch.
        epochs: number of epochs with this optimizer.
        accumulate: number of batches whose gradients are averaged for one update.
        average: momentum of the exponential moving average of the weights (cf. Polyak and Juditsky 1992); 0 for none.
    """
    averaging = {"use_ema": True, "ema_momentum": average} if average else {}
    updates = max(1, steps // accumulate)
    rate = keras.optimizers.schedules.CosineDecay(
        peak / 10, decay_steps=max(1, updates * (epochs - 1)), warmup_target=peak, warmup_steps=updates
    )
    if accumulate == 1:
        return Adam(rate, **averaging)
    return Adam(ByUpdate(rate, accumulate), gradient_accumulation_steps=accumulate, **averaging)
