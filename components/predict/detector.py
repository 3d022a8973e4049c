"""The layered model on one scan, as fast as possible; optionally with doubt, at twice the time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.layered.predictor import Predictor
from components.metrics.components3d import keep_components
from components.scans.scan import Scan


@dataclass(frozen=True)
class Detection:
    """The model's result for a scan.

    Attributes:
        tumor_probability: float32 [slices], 0..1.
        has_tumor: bool [slices], slices that pass stage 1.
        mask: bool [slices, height, width], after 3-D processing.
        doubt: 0..1, see `components.layered.decision.Prediction`; None if it was not requested.
        probability: of tumour by stage 2, float [slices, height, width], 0..1; None without doubt.
    """

    tumor_probability: np.ndarray
    has_tumor: np.ndarray
    mask: np.ndarray
    doubt: float | None = None
    probability: np.ndarray | None = None


class Detector:
    """A layered model loaded from its folder.

    Args:
        folder: folder of the model.
        engine: see `Predictor`.
        doubt: whether to run both networks on every slice and its mirror image, as evaluation does.

    Attributes:
        refer_at: lowest doubt at which a human should look first.

    Raises:
        UserError: the model is missing or damaged.
    """

    def __init__(self, folder: str | Path, doubt: bool = False, engine: str | None = None) -> None:
        self.predictor, self.with_doubt = Predictor(folder, engine), doubt
        self.record = self.predictor.record
        self.refer_at = self.record.get("refer_at_doubt", 0.0) if doubt else 0.0

    def __call__(self, scan: Scan) -> Detection:
        """Predict a scan; equal to `Predictor` but for the doubt."""
        if self.with_doubt:
            views, prediction = self.predictor(scan)
            return Detection(
                prediction.tumor_probability, prediction.has_tumor, prediction.mask, prediction.doubt, views.mean
            )
        found = self.predictor.engine.detect(scan)
        kept = keep_components(found["mask"] > 0, scan.spacing, **self.record["processing"])
        return Detection(found["tumor_probability"], found["has_tumor"], kept)
