"""Do LiteRT, which predicts, and TensorFlow, which evaluation measures, say the same about the validation patients?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.assemble.validation_views import ValidationViews
from components.common.errors import UserError
from components.layered.decision import unprocessed
from components.layered.predictor import Predictor
from components.layered.views import Views, views

CLOSE = 1e-4  # probabilities may differ by this much, and masks where a probability is this close to its threshold


def check_agreement(folder: Path, validation: ValidationViews) -> None:
    """Compare the LiteRT files in a folder, by both ways that predictions are made, with what TensorFlow said.

    Raises:
        UserError: a probability, or a pixel of a mask, differs by more than rounding can explain.
    """
    predictor = Predictor(folder, "litert")
    record = predictor.record
    for _, scan, expected in validation.patients(record["tumor_temperature"], record["mask_temperature"]):
        seen = views(predictor.stages, predictor.maps, scan, record["neighbors"])
        apart = max(
            float(np.abs(value - getattr(expected, name)).max())
            for name, value in vars(seen).items()
            if value is not None
        )
        mask = predictor.engine.detect(scan)["mask"] > 0
        differ = (mask != unprocessed(expected, record)) & ~_undecided(expected, record)
        if not apart <= CLOSE or differ.any():  # also if it is not a number
            raise UserError(
                f"assemble: LiteRT and TensorFlow disagree about a validation patient: probabilities by up to "
                f"{apart:.2g}, {int(differ.sum())} pixels of the mask; choose another backbone"
            )


def _undecided(seen: Views, record: dict) -> np.ndarray:
    """Tell which pixels lie so close to a threshold that rounding decides, bool [slices, height, width]."""
    slices = np.abs(seen.tumor_probability - record["tumor_threshold"]) <= CLOSE
    pixels = np.abs(seen.mask_probability - record["mask_threshold"]) <= CLOSE
    return pixels | slices[:, None, None]
