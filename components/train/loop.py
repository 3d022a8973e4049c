"""The training loop: Keras' own step, validation by patient, checkpoints, early stopping, resuming.

`fit` can't resume within an epoch, drops the first batch under a distribution strategy, and fails with several workers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from components.common.errors import UserError
from components.common.progress import Progress
from components.train.averages import averaged_weights, statistics_average
from components.train.batches import Batches
from components.train.checkpoints import Checkpoints, State, diverged
from components.train.interruption import Interruption
from components.train.measured_model import MeasuredModel
from components.train.model_arrays import copied, read_arrays, restore
from components.train.optimizer import optimizer
from components.train.settings import Phase
from models.networks.classifier import set_strategy

OnEpoch = Callable[[int, dict[str, float]], None]


class Loop:
    """Trains a model from its last checkpoint.

    Args:
        model: model to train; its network is `model.network`.
        phases: phases in order; each starts with a fresh optimizer.
        loss: function of (targets, predictions).
        accumulate: batches whose gradients are averaged for one update.
        average: momentum of the moving average of the weights, which is then validated and kept; 0 for none.
        batches: training batches from any step on.
        xla: whether to compile the step with XLA.
        steps: steps per epoch.
        validate: function that returns the validation scores.
        monitored: name of the score that decides which epoch is best; higher is better.
        patience: epochs without a better score after which the last phase ends.
        checkpoints: storage of the state.
        checkpoint_every: number of steps between checkpoints.
        first_worker: whether this is the worker that saves them.
        interruption: requests to stop; the state is saved first.
        progress: progress display.
        on_epoch: function of each epoch's number and scores, including epochs before an interruption.
    """

    def __init__(
        self,
        model: MeasuredModel,
        *,
        phases: list[Phase],
        loss: Callable[[Any, Any], Any],
        accumulate: int,
        average: float = 0.0,
        batches: Batches,
        xla: bool,
        steps: int,
        validate: Callable[[], dict[str, float]],
        monitored: str,
        patience: int,
        checkpoints: Checkpoints,
        checkpoint_every: int,
        first_worker: bool,
        interruption: Interruption,
        progress: Progress,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        self.model, self.phases, self.loss, self.batches = model, phases, loss, batches
        self.accumulate, self.average = accumulate, average
        self.xla, self.steps, self.validate, self.monitored, self.patience = xla, steps, validate, monitored, patience
        self.checkpoints, self.checkpoint_every, self.interruption = checkpoints, checkpoint_every, interruption
        self.first_worker, self.progress, self.on_epoch = first_worker, progress, on_epoch
        self.best: list[np.ndarray] = []

    def run(self, key: str) -> list[dict[str, float]]:
        """Train to the end; the network then has the weights of its best epoch.

        Args:
            key: key of this run's checkpoints.

        Returns:
            One row per epoch.

        Raises:
            SystemExit: a signal asked to stop; the state is saved.
            UserError: the loss is not finite, or a checkpoint could not be written.
        """
        found = self.checkpoints.latest()
        self.state, saved = found if found else (State(key), {})
        self.best = saved.pop("best", [])
        self.progress.start(self.state.step, self.state.history)
        try:
            for epoch, row in enumerate(self.state.history):
                self._report(epoch, row)
            for number, phase in enumerate(self.phases):
                begins = self.phases[number - 1].last if number else 0
                if self.state.epoch >= phase.last:
                    continue
                if phase.strategy:
                    set_strategy(self.model.network, phase.strategy)
                rates = (phase.learning_rate, self.steps, phase.last - begins, self.accumulate, self.average)
                self.model.compile(optimizer(*rates), loss=self.loss)
                self.train_step = self.model.compiled_step(xla=self.xla)
                self.average_statistics = statistics_average(self.model.network)
                if saved:
                    restore(self.model, saved)
                    saved.clear()
                self.stream = iter(self.batches(self.state.step))
                while self.state.epoch < phase.last and not self._out_of_patience(number):
                    self._epoch()
        except SystemExit:
            # If only one of several workers is asked to stop, it can't save alone; the last checkpoint has to do.
            if not isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy):
                self._save()
            raise
        finally:
            self.progress.close()
        for variable, value in zip(self.model.network.weights, self.best, strict=True):
            variable.assign(value)
        return self.state.history

    def _epoch(self) -> None:
        state = self.state
        if not state.done:
            self.model.reset_metrics()
        while state.done < self.steps:
            self._step(float(self.train_step(next(self.stream))))
        self._sync_batch_statistics()
        row: dict[str, float] = {"epoch": state.epoch}
        # Sorted, because Keras' own order differs between versions.
        row |= {name: float(value) for name, value in sorted(self.model.get_metrics_result().items())}
        with averaged_weights(self.model, self.average):
            row |= self.validate()
            if not all(map(math.isfinite, row.values())):
                raise UserError(diverged(state.step))
            better = state.best is None or row[self.monitored] > state.history[state.best][self.monitored]
            if better:
                state.best = state.epoch
                self.best = [copied(weight) for weight in self.model.network.weights]
        state.history.append(row)
        state.done = 0
        self.progress.epoch(state.epoch - 1, row, better)
        self._report(state.epoch - 1, row)

    def _report(self, epoch: int, row: dict[str, float]) -> None:
        if self.on_epoch:
            self.on_epoch(epoch, row)

    def _out_of_patience(self, phase: int) -> bool:
        """Return whether the last phase has run for `patience` epochs without a better score."""
        if phase + 1 < len(self.phases) or self.state.best is None:
            return False
        begins = self.phases[phase - 1].last if phase else 0
        return self.state.epoch - max(self.state.best + 1, begins) >= self.patience

    def _sync_batch_statistics(self) -> None:
        """Average the batch statistics of all replicas: each keeps its own, and scores must be equal everywhere."""
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            self.average_statistics()

    def _step(self, loss: float) -> None:
        self.state.step += 1
        self.state.done += 1
        self.progress.step()
        if not math.isfinite(loss):
            raise UserError(diverged(self.state.step))
        self.interruption.check()
        if self.state.step % self.checkpoint_every == 0:
            self._save()

    def _save(self) -> None:
        self._sync_batch_statistics()  # only one replica's batch statistics are read
        # Read on all workers: reading a metric sums the counts of all of them.
        arrays = {**read_arrays(self.model), "best": self.best}
        if self.first_worker:
            self.checkpoints.save(self.state, arrays)
