"""Outputs of assemble and evaluate, written by hand: five patients whose scores are known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from components.common.files import read_json, write_json
from components.common.layout import LAYERED, PATIENTS, PIXELS, SERVING, SLICES
from components.evaluate.summary import summarise
from components.metrics.pixel_calibration import PixelCalibration

RECORD = {
    "neighbors": 0,
    "tumor_threshold": 0.6,
    "mask_threshold": 0.35,
    "tumor_temperature": 1.4,
    "mask_temperature": 2.1,
    "processing": {"largest": False, "min_ml": 0.25},
    "refer_at_doubt": 0.4,
}
# Patient: site, missing sequences, ml of tumour; volume Dice with the gate on, off, and unprocessed; doubt.
PATIENT_ROWS = {
    "007": ("DU", "none", 5.0, 0.90, 0.80, 0.70, 0.1),
    "NA": ("DU", "pre", 20.0, 0.60, 0.50, 0.40, 0.5),
    "p3": ("DU", "post", 40.0, 0.30, 0.20, 0.10, 0.3),
    "p4": ("CS", "pre+post", 50.0, 0.00, 0.40, 0.00, 0.9),
    "p5": ("CS", "none", 0.0, None, None, None, 0.7),
}
# Label and probability of each patient's slices.
SLICES_BY_PATIENT = {
    "007": [(1, 0.9), (0, 0.2)],
    "NA": [(1, 0.7), (0, 0.1)],
    "p3": [(1, 0.6), (0, 0.65)],
    "p4": [(1, 0.3), (0, 0.05)],
    "p5": [(0, 0.15), (0, 0.55)],
}


class HandmadeRun:
    """The outputs of assemble and evaluate in a folder, written by hand."""

    def __init__(self, folder):
        self.layered, self.predictions, self.metrics = folder / "layered", folder / "predictions", folder / "metrics"

    def write(self, patients=PATIENT_ROWS, slices=SLICES_BY_PATIENT, pixels=None):
        self.predictions.mkdir()
        (self.layered / SERVING / LAYERED).parent.mkdir(parents=True)
        write_json(self.layered / SERVING / LAYERED, RECORD)
        rows = [
            scores(name, gate, dice, ml, doubt)
            for name, (_, _, ml, on, off, before, doubt) in patients.items()
            for gate, dice in (("on", on), ("off", off), ("unprocessed", before))
        ]
        pd.DataFrame(rows).to_csv(self.predictions / PATIENTS, index=False)
        rows = [
            {"patient": name, "slice": n, "has_tumor": label, "tumor_probability": p, "doubt": 0.0}
            for name, several in slices.items()
            for n, (label, p) in enumerate(several, start=1)
        ]
        pd.DataFrame(rows).to_csv(self.predictions / SLICES, index=False)
        counted = pixels or PixelCalibration.of(np.array([0.001] * 98 + [0.8, 0.8]), np.arange(100) > 98)
        write_json(self.predictions / PIXELS, {name: v.tolist() for name, v in vars(counted).items()})
        self.manifest = manifest(patients)
        return self

    def summary(self, clinical=None):
        found = summarise(self.predictions, self.layered, self.manifest, seed=1, clinical=clinical)
        write_json(self.metrics, found)  # refuses NaN
        return read_json(self.metrics)


def scores(patient, gate, dice, ml, doubt):
    voxels = 0 if dice in (None, 0) else 1000
    return {
        "patient": patient,
        "gate": gate,
        "doubt": doubt,
        "volume_dice": dice,
        "tumor_slice_dice": dice,
        "all_slice_dice_empty_as_1": 0.5,
        "all_slice_dice_floor": 0.6,
        "false_positive_pixels_per_empty_slice": 3.0,
        "hd95_mm": dice and 4.0,
        "hd95_mm_missed_as_diagonal": None if dice is None else 4.0,
        "hd95_mm_floor": None if dice is None else 90.0,
        "volume_error": None if dice is None else dice - 1,
        "reference_ml": ml,
        "predicted_ml": voxels / 1000,
        "reference_voxels": ml * 1000,
        "predicted_voxels": voxels,
        "lesions": int(dice is not None),
        "lesions_found": int(bool(dice)),
        "false_lesions": 0,
        "smallest_found_ml": ml if dice else None,
        "largest_missed_ml": ml if dice == 0 else None,
    }


def manifest(patients):
    return pd.DataFrame(
        [
            {
                "patient": name,
                "site": site,
                "synthetic": 0,
                "slice": number,
                "missing_pre": int("pre" in missing and number == 2),  # one slice is enough to count for the patient
                "missing_post": int("post" in missing),
            }
            for name, (site, missing, *_) in patients.items()
            for number in (1, 2)
        ]
    )
