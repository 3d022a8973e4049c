"""A layered model in use, run on scans by LiteRT or TensorFlow."""

from __future__ import annotations

from pathlib import Path

from components.common.errors import UserError
from components.layered.decision import Prediction, decide
from components.layered.engine import Engine
from components.layered.litert_files import has_litert
from components.layered.record import read_record
from components.layered.views import Views, views
from components.scans.scan import Scan


class Predictor:
    """A layered model loaded from its folder.

    Args:
        folder: folder of the model.
        engine: "litert", which needs no TensorFlow, or "tensorflow"; by default LiteRT if the model has files for it,
            as all have but those of earlier versions.

    Raises:
        UserError: there is no model, it is damaged, or it lacks what the engine needs.
    """

    def __init__(self, folder: str | Path, engine: str | None = None) -> None:
        self.record = read_record(folder)
        self.engine = load_engine(folder, self.record, engine)
        self.stages, self.maps, self.serve = self.engine.stages, self.engine.maps, self.engine.serve

    def __call__(self, scan: Scan) -> tuple[Views, Prediction]:
        """Run both stages on a scan and decide.

        Returns:
            The calibrated outputs of both stages, and the decision.

        Raises:
            ModelFailedError: the model fails on a slice.
        """
        both = views(self.stages, self.maps, scan, self.record["neighbors"])
        return both, decide(both, scan.spacing, self.record)


def load_engine(folder: str | Path, record: dict, engine: str | None) -> Engine:
    """Load the networks of a layered model.

    Args:
        folder: folder of the model.
        record: content of its layered.json.
        engine: see `Predictor`.

    Raises:
        UserError: the model is damaged, or lacks what the engine needs.
    """
    light = has_litert(folder, record)
    if engine == "litert" and not light:
        raise UserError(f"{folder}: has no LiteRT files; assemble it again with this version, or leave --engine out")
    if engine == "tensorflow" or not light:
        from components.layered.tensorflow_engine import TensorFlowEngine

        return TensorFlowEngine(folder, record)
    from components.layered.litert_engine import LiteRTEngine

    return LiteRTEngine(folder, record)
