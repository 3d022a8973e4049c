"""Progress of training: a bar with the time left, one line per epoch, dvclive's plots, TensorBoard on request."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf
from tqdm import tqdm

from components.common.bars import bar


class Progress:
    """Shows the progress of a training run.

    Args:
        name: name of the network.
        steps: steps of the whole run.
        epochs: epochs of the whole run.
        live: folder for dvclive's metrics and plots; None for none.
        tensorboard: folder for TensorBoard; None for none.
    """

    def __init__(
        self, name: str, steps: int, epochs: int, *, live: str | None = None, tensorboard: str | None = None
    ) -> None:
        self.name, self.steps, self.epochs = name, steps, epochs
        self.live_folder, self.tensorboard = live, tensorboard

    def start(self, step: int, history: list[dict[str, float]]) -> None:
        """Begin, or continue after the epochs in `history`."""
        if step:
            print(f"{self.name}: resuming at step {step} of {self.steps}, epoch {len(history) + 1}")
        self.bar: tqdm[Any] = bar(desc=self.name, total=self.steps, initial=step, unit="step")
        self.live = _live(self.live_folder) if self.live_folder else None
        self.writer = tf.summary.create_file_writer(self.tensorboard) if self.tensorboard else None
        for epoch, row in enumerate(history):
            self._log(epoch, row)

    def step(self) -> None:
        """Count a step."""
        self.bar.update()

    def epoch(self, number: int, row: dict[str, float], best: bool) -> None:
        """Show the scores of an epoch, numbered from 0."""
        scores = "  ".join(f"{name} {value:.4f}" for name, value in row.items() if name != "epoch")
        with tqdm.external_write_mode():
            print(f"epoch {number + 1}/{self.epochs}  {scores}{'  (best)' if best else ''}", flush=True)
        self._log(number, row)

    def close(self) -> None:
        """Close what `start` opened."""
        self.bar.close()
        if self.live:
            self.live.end()

    def _log(self, epoch: int, row: dict[str, float]) -> None:
        scores = {name: value for name, value in row.items() if name != "epoch"}
        if self.live:
            for name, value in scores.items():
                self.live.log_metric(name, value)
            self.live.next_step()
        if self.writer:
            with self.writer.as_default(step=epoch):
                for name, value in scores.items():
                    tf.summary.scalar(name, value)
            self.writer.flush()


def _live(folder: str) -> Any:
    """Return a logger that only writes files; stages and their versions are left to DVC.

    It is created in an empty folder: in a Git repository without commits dvclive fails, and elsewhere it needs none.
    """
    from dvclive import Live

    target, here = Path(folder).resolve(), Path.cwd()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="glioflow-live-") as nowhere:
        os.chdir(nowhere)
        try:
            return Live(str(target), dvcyaml=None, report=None, save_dvc_exp=False, monitor_system=False)
        finally:
            os.chdir(here)
