"""Evaluate: run the layered model end to end on the test patients, as in use; one Beam element per patient."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pandas as pd

from components.common.bars import bar
from components.common.files import atomic_folder, read_json
from components.common.layout import PATIENTS, PIXELS, SLICES
from components.common.tables import read_splits
from components.io.beam import run_pipeline, worker_paths
from components.io.storage import Storage
from components.layered.decision import Prediction
from components.layered.predictor import Predictor
from components.layered.views import Views
from components.metrics.mask_scores import patient_scores
from components.metrics.pixel_calibration import PixelCalibration
from components.scans.scan import Scan
from components.scans.scan_files import image_path, mask_path, read_scan, write_mask


def measure(scan: Scan, views: Views, prediction: Prediction) -> dict[str, Any]:
    """Measure one patient.

    Args:
        scan: scan with its reference mask.
        views: calibrated outputs of both stages for it.
        prediction: decision about it.

    Returns:
        patients: rows of patients.csv, one per gate ("on", "off", "unprocessed"); slices: rows of slices.csv; pixels:
        the arrays of a `PixelCalibration` as lists.
    """
    assert scan.mask is not None
    masks = {"on": prediction.mask, "off": prediction.ungated, "unprocessed": prediction.unprocessed}
    scores: dict[str, Any] = {}
    for gate, mask in masks.items():
        # If processing removed nothing, both masks have the same scores.
        same = [other for other in scores if np.array_equal(mask, masks[other])]
        scores[gate] = scores[same[0]] if same else patient_scores(scan.mask, mask, scan.spacing)
    pixels = PixelCalibration.of(views.mask_probability, scan.mask)
    return {
        "patients": [
            {"patient": scan.patient, "gate": gate, "doubt": prediction.doubt, **of_gate}
            for gate, of_gate in scores.items()
        ],
        "slices": [
            {
                "patient": scan.patient,
                "slice": number,
                "has_tumor": int(truth.any()),
                "tumor_probability": float(p),
                "doubt": float(doubt),
            }
            for number, (truth, p, doubt) in enumerate(
                zip(scan.mask, prediction.tumor_probability, prediction.slice_doubt, strict=True), start=1
            )
        ],
        "pixels": {name: values.tolist() for name, values in vars(pixels).items()},
    }


class EvaluatePatient(beam.DoFn):
    """Predict and measure `(patient, sites)`; writes `<patient>_mask.nii.gz` and `<patient>.json`.

    Args:
        layered, scans, folder: addresses of the model, of the scans from ingest, and of the output.
    """

    def __init__(self, layered: str, scans: str, folder: str) -> None:
        self.layered, self.scans, self.folder = layered, scans, folder

    def setup(self) -> None:
        """Load the model once per worker."""
        self.opened = ExitStack()
        tree = Storage(self.layered)
        self.predict = Predictor(self.opened.enter_context(tree.local(tree.files)), "tensorflow")

    def teardown(self) -> None:
        """Remove the worker's own copy of the model, if it had to make one."""
        self.opened.close()

    def process(self, element: tuple[str, Any]) -> None:
        """Read, predict, measure and write one patient."""
        patient, sites = element
        files = [image_path("", patient).name, mask_path("", patient).name]
        with Storage(self.scans).local(files) as local_copy:
            scan = read_scan(local_copy, patient, next(iter(sites)))
        views, prediction = self.predict(scan)
        with tempfile.TemporaryDirectory(prefix="glioflow-evaluate-") as folder:
            mask_file, record = mask_path(folder, patient), Path(folder, f"{patient}.json")
            write_mask(mask_file, prediction.mask, scan.affine)
            record.write_text(json.dumps(measure(scan, views, prediction)), encoding="utf-8")
            for file in (mask_file, record):
                Storage(self.folder).put(file, file.name)


def evaluate(
    layered: str | Path,
    scans: str | Path,
    splits: str | Path,
    folder: str | Path,
    *,
    beam_args: list[str],
    storage: str | None = None,
) -> None:
    """Run the layered model on every test patient.

    Args:
        layered: folder written by assemble.
        scans: folder of the scans from ingest, with their reference masks.
        splits: table of the splits.
        folder: output folder: `<patient>_mask.nii.gz`, patients.csv (scores, three rows per patient: stage 1's gate on,
            off, and on without 3-D processing), slices.csv (one row per slice) and pixels.json (counts by probability).
        beam_args, storage: see `components.convert.stage`.

    Raises:
        UserError: the table of splits or the model is missing or damaged.
    """
    table = read_splits(splits).query("split == 'test'")
    with atomic_folder(folder) as part:
        inputs = {"layered": Path(layered), "scans": Path(scans)}
        with worker_paths(inputs, part, storage, "evaluate") as (sources, target):
            worker = EvaluatePatient(sources["layered"], sources["scans"], target)
            run_pipeline(list(zip(table["patient"], table["site"], strict=True)), worker, beam_args)
        _gather(part, sorted(table["patient"]))


def _gather(folder: Path, patients: list[str]) -> None:
    """Build the tables from the patients' records, in the order of the patients' names."""
    rows: dict[str, list[dict[str, Any]]] = {"patients": [], "slices": []}
    pixels = PixelCalibration()
    for record in bar(list(_records(folder, patients)), desc="evaluate", unit="patient"):
        for kind, several in rows.items():
            several += record[kind]
        pixels += PixelCalibration(**{name: np.array(values) for name, values in record["pixels"].items()})
    pd.DataFrame(rows["patients"]).to_csv(folder / PATIENTS, index=False)
    pd.DataFrame(rows["slices"]).to_csv(folder / SLICES, index=False)
    (folder / PIXELS).write_text(json.dumps({name: v.tolist() for name, v in vars(pixels).items()}), encoding="utf-8")


def _records(folder: Path, patients: list[str]) -> Iterator[dict[str, Any]]:
    for patient in patients:
        path = folder / f"{patient}.json"
        yield read_json(path)
        path.unlink()
