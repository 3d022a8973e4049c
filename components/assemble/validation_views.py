"""The networks' outputs for the validation patients, kept on disk while the choices are made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from components.common.bars import bar
from components.layered.decision import calibrate
from components.layered.views import Views, views
from components.metrics.pixel_calibration import PixelCalibration
from components.scans.scan import Scan
from components.scans.scan_files import read_scan
from models.serving.layered_model import Layered


class ValidationViews:
    """The validation patients as the networks see them, kept on disk between the choices.

    Attributes:
        labels: whether each slice shows tumour, bool [slices]; patient after patient.
        probabilities: stage 1's outputs for them, uncalibrated, 0..1 [slices].
        counts: number of slices of each patient, int [patients].
        pixels: calibration of the segmenter.
    """

    def __init__(self, model: Layered, scans: str | Path, names: list[str], folder: Path) -> None:
        self.scans, self.names, self.folder = scans, names, folder
        self.pixels, labels, probabilities = PixelCalibration(), [], []
        for name in bar(names, desc="assemble", unit="patient"):
            scan = read_scan(scans, name)
            assert scan.mask is not None
            seen = views(model.stages, None if model.mirror else model.maps, scan, model.neighbors)
            self.pixels += PixelCalibration.of(seen.mask_probability, scan.mask)
            labels.append(scan.mask.any(axis=(1, 2)))
            probabilities.append(seen.tumor_probability)
            kept = {kind: part.astype(np.float32) for kind, part in vars(seen).items() if part is not None}
            np.savez(folder / f"{name}.npz", **kept)
        self.counts = np.array([len(one) for one in labels])
        self.labels, self.probabilities = np.concatenate(labels), np.concatenate(probabilities)

    def patients(self, tumor_temperature: float, mask_temperature: float) -> Iterator[tuple[str, Scan, Views]]:
        """Yield each patient with its calibrated views."""
        for name in self.names:
            with np.load(self.folder / f"{name}.npz", allow_pickle=False) as kept:
                seen = Views(**dict(kept))
            yield name, read_scan(self.scans, name), calibrate(seen, tumor_temperature, mask_temperature)
