"""How a prediction is run, as far as its results depend on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunOptions:
    """What a patient's results depend on besides the scan and the model.

    Attributes:
        engine: see `components.layered.predictor.Predictor`.
        doubt: whether to compute doubt, see `components.predict.detector.Detector`.
        overlays: whether to draw the outlines.
    """

    engine: str | None = None
    doubt: bool = False
    overlays: bool = False
