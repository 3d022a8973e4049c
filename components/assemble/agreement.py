"""Do LiteRT, which predicts, and TensorFlow, which evaluation measures, agree on the validation patients?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.assemble.validation_views import ValidationViews
from components.common.errors import UserError
from components.layered.decision import uncalibrated, unprocessed
from components.layered.predictor import load_engine
from components.layered.record import read_record
from components.layered.smoothing import stage1
from components.layered.views import Views, views

TOLERANCE = 1e-4  # probabilities may differ by this much, and masks where a probability is this close to its threshold


def check_agreement(folder: Path, validation: ValidationViews) -> None:
    """Compare the probabilities and the masks that the LiteRT files in a folder give with TensorFlow's.

    Uncalibrated probabilities are compared: a temperature of 10 turns the last bit of 1 - 2e-7 into 0.006.

    Args:
        folder: folder of layered.json and the LiteRT files.
        validation: TensorFlow's outputs for the validation patients.

    Raises:
        UserError: a probability, or a pixel of a mask, differs by more than rounding can explain.
    """
    record = uncalibrated(read_record(folder))
    engine = load_engine(folder, record, "litert")
    for _, scan, expected in validation.patients(tumor_temperature=1.0, mask_temperature=1.0):
        seen = views(engine.stages, engine.maps, scan, record["neighbors"])
        difference = max(
            float(np.abs(value - getattr(expected, name)).max())
            for name, value in vars(seen).items()
            if value is not None
        )
        mask = engine.detect(scan)["mask"] > 0
        differ = (mask != unprocessed(expected, record)) & ~_within_tolerance(expected, record)
        if not difference <= TOLERANCE or differ.any():  # also if it is not a number
            raise UserError(
                f"assemble: LiteRT and TensorFlow disagree about a validation patient: probabilities by up to "
                f"{difference:.2g}, {int(differ.sum())} pixels of the mask; choose another backbone"
            )


def _within_tolerance(seen: Views, record: dict) -> np.ndarray:
    """Return which pixels lie so close to a threshold that rounding decides, bool [slices, height, width]."""
    least, most = (stage1(seen.tumor_probability + change, record)[1] for change in (-TOLERANCE, TOLERANCE))
    slices = least != most  # stage 1 passes no fewer slices if a probability rises
    pixels = np.abs(seen.mask_probability - record["mask_threshold"]) <= TOLERANCE
    return pixels | slices[:, None, None]
