"""A saved layered model, run on scans."""

from __future__ import annotations

from pathlib import Path

from components.common.errors import UserError
from components.common.plain_path import plain_path
from components.layered.decision import Prediction, decide
from components.layered.record import COPY_AGAIN, read_record, saved_model
from components.layered.views import Stages, Views, views
from components.scans.scan import Scan


class Predictor:
    """A layered model loaded from its folder.

    Raises:
        UserError: there is no model.
    """

    def __init__(self, folder: str | Path) -> None:
        import tensorflow as tf

        self.record = read_record(folder)
        try:
            self.model = tf.saved_model.load(plain_path(saved_model(folder)))
            self.stages, self.serve = (self._runs(name) for name in ("stages", "serving_default"))
            # Models from versions before this signature return more than is needed.
            maps = "maps" if "maps" in self.model.signatures else "stages"
            self.maps = None if self.record.get("mirror") else self._runs(maps)
        except Exception as error:  # every kind of damage raises its own exception, from IndexError to TensorFlow's
            raise UserError(f"{folder}: damaged model; {COPY_AGAIN}") from error

    def _runs(self, name: str) -> Stages:
        """A signature as a function of slices, uint8 [batch, height, width, channels]."""
        import tensorflow as tf

        signature = self.model.signatures[name]
        return lambda slices: {output: value.numpy() for output, value in signature(slices=tf.constant(slices)).items()}

    def __call__(self, scan: Scan) -> tuple[Views, Prediction]:
        """Run both stages on a scan and decide."""
        seen = views(self.stages, self.maps, scan, self.record["neighbors"])
        return seen, decide(seen, scan.spacing, self.record)
