"""A layered model run by TensorFlow: its SavedModel, as TFX evaluates it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from components.common import packages
from components.common.errors import UserError
from components.common.plain_path import plain_path
from components.layered.engine import Engine, ModelFailedError
from components.layered.record import COPY_AGAIN, saved_model
from components.layered.smoothing import stage1
from components.layered.views import Stages
from components.scans.scan import Scan

BATCH = 32


class TensorFlowEngine(Engine):
    """Runs the SavedModel of a layered model.

    Raises:
        UserError: there is none, it is damaged, or TensorFlow is not installed.
    """

    name = "tensorflow"

    def __init__(self, folder: str | Path, record: dict[str, Any]) -> None:
        try:
            import tensorflow as tf
        except ImportError as error:
            raise UserError(
                f"{folder}: needs TensorFlow, which is not installed here; {packages.setup()}, or assemble "
                "the model again with this version, which writes LiteRT files"
            ) from error
        place = saved_model(folder)
        if not (place / "saved_model.pb").exists() and not (place / "variables").exists():
            raise UserError(f"{folder}: has LiteRT files, but no SavedModel; leave --engine out")
        self.record = record
        try:
            self.model = tf.saved_model.load(plain_path(place))
            self.stages, self.serve = (self._runs(name) for name in ("stages", "serving_default"))
            # Models from versions before this signature return more than is needed.
            maps = "maps" if "maps" in self.model.signatures else "stages"
            self.maps = None if record.get("mirror") else self._runs(maps)
        except Exception as error:  # every kind of damage raises its own exception, from IndexError to TensorFlow's
            raise UserError(f"{folder}: damaged model; {COPY_AGAIN}") from error

    def _runs(self, name: str) -> Stages:
        """A signature as a function of slices, uint8 [batch, height, width, channels]."""
        import tensorflow as tf

        signature = self.model.signatures[name]

        def run(slices: np.ndarray) -> dict[str, np.ndarray]:
            try:
                return {output: value.numpy() for output, value in signature(slices=tf.constant(slices)).items()}
            except tf.errors.OpError as error:
                raise ModelFailedError(type(error).__name__) from error

        return run

    def detect(self, scan: Scan) -> dict[str, np.ndarray]:
        """See `Engine.detect`."""
        slices = scan.batches(BATCH, self.record["neighbors"])
        if "tumor_smoothing" not in self.record:
            return _joined([self.serve(batch) for batch in slices])
        # The graph doesn't know which slices are neighbours, so stage 2 runs on all.
        found = _joined([self._segment(batch) for batch in slices])
        probability, has_tumor = stage1(found["tumor_probability"], self.record)
        mask = found["mask"] * has_tumor[:, None, None]
        return {"tumor_probability": probability, "has_tumor": has_tumor, "mask": mask}

    def _segment(self, slices: np.ndarray) -> dict[str, np.ndarray]:
        """Both stages on every slice: `tumor_probability`, and `mask` as uint8 {0, 1}."""
        found = self.stages(slices)
        mask = (found["mask_probability"] >= self.record["mask_threshold"]).astype(np.uint8)
        return {"tumor_probability": found["tumor_probability"], "mask": mask}


def _joined(batches: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
