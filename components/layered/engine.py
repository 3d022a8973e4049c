"""What runs a layered model's networks: LiteRT, or TensorFlow to compare and for models of earlier versions."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from components.layered.views import Stages
from components.scans.scan import Scan


class ModelFailedError(RuntimeError):
    """The model fails on these slices; the message is the type of the engine's error."""


class Engine(ABC):
    """The networks of a layered model, as functions of slices, uint8 [batch, height, width, 3 (2 neighbors + 1)].

    All raise `ModelFailedError`.

    Attributes:
        name: one of `components.common.layout.ENGINES`.
        stages: function that gives `tumor_probability` [batch] and `mask_probability` [batch, height, width],
            calibrated, of every slice.
        maps: function that gives `mask_probability` alone; None if the model sees the mirror image itself.
        serve: function that gives `tumor_probability`, `has_tumor` (bool [batch]) and `mask` (uint8 {0, 1} [batch,
            height, width], 0 where stage 1 says no).
    """

    name: str
    stages: Stages
    maps: Stages | None
    serve: Stages

    @abstractmethod
    def detect(self, scan: Scan) -> dict[str, np.ndarray]:
        """Return what `serve` gives for all slices of a scan, with stage 1 smoothed along it if the model does that."""
