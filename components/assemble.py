"""Assemble: two trained networks become one layered SavedModel; all its choices are made on validation patients.

In this order: temperatures, which make probabilities honest; stage 1's threshold; the mask's threshold; the 3-D
processing; the doubt above which a patient is referred.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from components.bars import bar
from components.errors import UserError
from components.evaluation.choice import Choice
from components.evaluation.masks import dice
from components.evaluation.pixels import PixelCalibration
from components.evaluation.temperature import apply_temperature, temperature
from components.files import atomic_folder, read_json, write_json
from components.layout import LAYERED, SERVING
from components.prediction import Views, doubt, unprocessed, views
from components.scans.files import read_scan
from components.scans.scan import Scan
from components.sources.reading import Options
from components.tables import read_splits
from models.layered import Layered
from models.storage import NETWORK, load_network

MASK_THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)
ROUNDING = 1e-6  # by which one slice's probability differs between runtimes, processors and batches


def tumor_threshold(labels: np.ndarray, probabilities: np.ndarray, sensitivity: float) -> float:
    """Highest probability threshold at which at least `sensitivity` of the tumour slices are found.

    It lies halfway to the next lower probability, so that rounding in another runtime does not flip a slice: what is
    lower by `ROUNDING` or less counts as the same.
    """
    probabilities = np.asarray(probabilities, float)
    positives = np.sort(probabilities[np.asarray(labels, bool)])
    lost = int(np.floor((1 - sensitivity) * len(positives) + 1e-9))
    lowest_found = positives[lost]
    below = probabilities[probabilities < lowest_found - ROUNDING]
    return float((lowest_found + (below.max() if len(below) else 0.0)) / 2)


class Validation:
    """The validation patients as the networks see them, kept on disk between the choices."""

    def __init__(self, model: Layered, scans: str | Path, names: list[str], folder: Path) -> None:
        self.scans, self.names, self.folder = scans, names, folder
        self.pixels, labels, probabilities = PixelCalibration(), [], []
        for name in bar(names, desc="assemble", unit="patient"):
            scan = self._read(name)
            assert scan.mask is not None
            seen = views(model.stages, None if model.mirror else model.maps, scan, model.neighbors)
            self.pixels += PixelCalibration.of(seen.mask_probability, scan.mask)
            labels.append(scan.mask.any(axis=(1, 2)))
            probabilities.append(seen.tumor_probability)
            looks = {kind: part.astype(np.float32) for kind, part in vars(seen).items() if part is not None}
            np.savez(folder / f"{name}.npz", **looks)
        self.labels, self.probabilities = np.concatenate(labels), np.concatenate(probabilities)

    def _read(self, name: str) -> Scan:
        return read_scan(self.scans, name)

    def patients(self, tumor_temperature: float, mask_temperature: float) -> Iterator[tuple[str, Scan, Views]]:
        """Yield each patient with its calibrated views."""
        for name in self.names:
            with np.load(self.folder / f"{name}.npz", allow_pickle=False) as kept:
                looks = {
                    kind: apply_temperature(
                        kept[kind], tumor_temperature if kind == "tumor_probability" else mask_temperature
                    )
                    for kind in kept.files
                }
            yield name, self._read(name), Views(**looks)


def choose(validation: Validation, *, sensitivity: float, refer: float) -> dict[str, Any]:
    """Make all choices; what layered.json says."""
    temperatures = (
        temperature(validation.probabilities, validation.labels),
        validation.pixels.temperature(),
    )
    calibrated = apply_temperature(validation.probabilities, temperatures[0])
    threshold = tumor_threshold(validation.labels, calibrated, sensitivity)
    scores = []
    for _, scan, seen in validation.patients(*temperatures):
        assert scan.mask is not None
        if scan.mask.any():
            passed = (seen.tumor_probability >= threshold)[:, None, None]
            scores.append([dice(scan.mask, (seen.mask_probability >= t) & passed) for t in MASK_THRESHOLDS])
    by_threshold = np.mean(scores, axis=0)
    record: dict[str, Any] = {
        "tumor_temperature": temperatures[0],
        "mask_temperature": temperatures[1],
        "tumor_threshold": threshold,
        "validation_sensitivity": sensitivity,
        "mask_threshold": float(MASK_THRESHOLDS[by_threshold.argmax()]),
        "processing": {"largest": False, "min_ml": 0.0},
    }
    choice = Choice()
    for _, scan, seen in validation.patients(*temperatures):
        assert scan.mask is not None
        choice += Choice.of(scan.mask, unprocessed(seen, record), scan.spacing)
    record["processing"] = vars(choice.best())
    doubts = [doubt(seen, scan.spacing, record) for _, scan, seen in validation.patients(*temperatures)]
    return record | {
        "validation_volume_dice_mean": float(choice.table()["volume_dice_mean"].max()),
        "processing_evidence": choice.table().to_dict("records"),
        "refer_at_doubt": float(np.quantile(doubts, 1 - refer)),
    }


def assemble(
    classifier: str | Path,
    segmenter: str | Path,
    scans: str | Path,
    splits: str | Path,
    layered: str | Path,
    *,
    sensitivity: float,
    refer: float,
    mirror: bool = False,
    slices: Options | None = None,
) -> dict[str, Any]:
    """Make all choices on the validation patients and write the layered model.

    Args:
        classifier, segmenter: folders that the trainings wrote (network.json, network.weights.h5).
        layered: folder to write: Format-Serving/, the SavedModel, with layered.json, the choices, among its assets.
        sensitivity: share of tumour slices that stage 1 has to find.
        refer: share of the patients that a human should look at first.
        mirror: both stages look at the mirror image of every slice, too.
        slices: how volumes were brought to slices, for those who predict.

    Returns:
        What layered.json says.
    """
    model = Layered(load_network(classifier), load_network(segmenter), mirror=mirror)
    table = read_splits(splits).query("split == 'val'")
    with tempfile.TemporaryDirectory(prefix="glioflow-assemble-") as folder:
        validation = Validation(model, scans, list(table["patient"]), Path(folder))
        if not validation.labels.any():
            raise UserError(
                f"{splits}: no validation patient has a tumour, so no threshold can be chosen; raise split.val"
            )
        brought = vars(slices or Options())
        record = {
            "neighbors": model.neighbors,
            "mirror": mirror,
            "slices": brought,
            **choose(validation, sensitivity=sensitivity, refer=refer),
        }
    record["made_from"] = {
        name: read_json(Path(network) / NETWORK)["made_from"]
        for name, network in (("classifier", classifier), ("segmenter", segmenter))
    }
    write(model, record, layered)
    return record


def write(model: Layered, record: dict[str, Any], layered: str | Path) -> None:
    """Give a layered model the choices of `record` and write it to the folder `layered`."""
    for name in ("tumor_threshold", "mask_threshold", "tumor_temperature", "mask_temperature"):
        getattr(model, name).assign(record[name])
    with atomic_folder(layered) as part:
        model.save(part / SERVING)
        (part / SERVING / LAYERED).parent.mkdir()
        write_json(part / SERVING / LAYERED, record)
