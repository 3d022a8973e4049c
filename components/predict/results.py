"""The output of a prediction: a patient's files as soon as it is done, the tables of all patients at the end."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.common.files import atomic_file, read_json, write_json
from components.common.problems import Problem
from components.predict.detector import Detection
from components.predict.mask_files import mask_files, write_masks
from components.predict.overlays import write_overlays
from components.predict.probability_maps import map_path, write_map
from components.predict.run_options import RunOptions
from components.scans import rle
from components.scans.own_voxels import scan_hash
from components.scans.scan import Scan
from components.sources import Source

PREDICTIONS = "predictions.csv"
PATIENTS = "patients.csv"
RUN = "run.json"
COLUMNS = ("patient", "slice", "tumor_probability", "has_tumor", "EncodedPixels")
DONE, FAILED = "done", "failed"
NAMELESS = "unnamed-"


def write_patient(
    folder: Path,
    source: Source,
    scan: Scan,
    found: Detection,
    *,
    notes: list[str],
    refer_at: float,
    options: RunOptions,
    files: str,
    read_with: Mapping[str, Any],
) -> None:
    """Write a patient's masks, overlays and rows; the record comes last and marks the rest as complete.

    Args:
        folder: folder of the results.
        source: input that the scan comes from.
        scan, found: scan, and the model's result for it.
        notes: what the patient's row says besides.
        refer_at: lowest doubt at which a human should look first.
        options: how the prediction was run.
        files: `Reading.files`.
        read_with: `Options` with which the scan was read; with them and its hash, a review knows it again.
    """
    notes = [*notes, *write_masks(folder / "masks", source, scan, found.mask)]
    if found.probability is not None:
        write_map(map_path(folder, scan.patient), scan, found.probability)
    if options.overlays:
        write_overlays(folder / "overlays" / scan.patient, scan, found.mask)
    with atomic_file(_rows(folder, scan.patient)) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, (p, has_tumor, mask) in enumerate(
            zip(found.tumor_probability, found.has_tumor, found.mask, strict=True), start=1
        ):
            writer.writerow([scan.patient, number, f"{p:.6f}", int(has_tumor), rle.encode(mask)])
    voxels = int(found.mask.sum())
    record = {
        "patient": scan.patient,
        "status": DONE,
        "slices": len(found.mask),
        "tumor_slices": int(found.mask.any(axis=(1, 2)).sum()),
        "tumor_voxels": voxels,
        # Images don't record the size of their pixels.
        "tumor_ml": None if scan.source is None else round(voxels * float(np.prod(scan.spacing)) / 1000, 3),
        "doubt": None if found.doubt is None else round(found.doubt, 6),
        "refer": None if found.doubt is None else found.doubt >= refer_at,
        "notes": "; ".join(notes),
        "files": files,
        "scan": scan_hash(scan),
        "read_with": dict(read_with),
        "options": vars(options),
    }
    write_json(_record(folder, scan.patient), record)


def write_failure(folder: Path, patient: str, reasons: list[str]) -> None:
    """Record that a patient could not be predicted, and why."""
    write_json(_record(folder, patient), {"patient": patient, "status": FAILED, "notes": "; ".join(reasons)})


def write_lost(folder: Path, problems: Iterable[Problem]) -> None:
    """Record scans without a patient as failed, named "unnamed-1" and so on, replacing those of an earlier run."""
    for path in (folder / "patients").glob(f"{NAMELESS}*.json"):
        if read_json(path)["status"] == FAILED:
            path.unlink()
    for number, problem in enumerate((problem for problem in problems if problem.lost), start=1):
        write_failure(folder, f"{NAMELESS}{number}", [str(problem)])


def read_record(folder: Path, patient: str) -> dict[str, Any]:
    """Read what was recorded of a patient."""
    record: dict[str, Any] = read_json(_record(folder, patient))
    return record


def recorded_patients(folder: Path) -> set[str]:
    """Return the names of the patients with results of earlier runs, or with a record of why there are none."""
    names = {path.stem for path in (folder / "patients").glob("*.json")}
    return {name for name in names if not name.startswith(NAMELESS)}


def is_done(folder: Path, patient: str) -> bool:
    """Return whether a patient was predicted before; failed ones were not."""
    path = _record(folder, patient)
    return path.exists() and read_json(path)["status"] == DONE


def is_current(folder: Path, patient: str, files: str, options: RunOptions) -> bool:
    """Return whether a patient who was predicted before would get the same results; see `write_patient`."""
    record = read_record(folder, patient)
    return (record.get("files"), record.get("options")) == (files, vars(options))


def discard(folder: Path, patients: Iterable[str]) -> None:
    """Remove what earlier runs left of patients who are predicted now: in another format, masks have other names."""
    for patient in patients:
        masks, overlays = mask_files(folder / "masks", patient), folder / "overlays" / patient
        for path in (_record(folder, patient), _rows(folder, patient), map_path(folder, patient), *masks, overlays):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def gather(folder: Path) -> list[dict[str, Any]]:
    """Write predictions.csv and patients.csv from the patients' files, one patient at a time.

    Returns:
        The rows of patients.csv, by name.
    """
    records = sorted((read_json(path) for path in (folder / "patients").glob("*.json")), key=lambda r: r["patient"])
    done = [record["patient"] for record in records if record["status"] == DONE]
    with atomic_file(folder / PREDICTIONS) as part, part.open("w", encoding="utf-8") as table:
        table.write(",".join(COLUMNS) + "\n")
        for patient in done:
            table.write(_rows(folder, patient).read_text(encoding="utf-8"))
    names = ("patient", "status", "slices", "tumor_slices", "tumor_voxels", "tumor_ml", "doubt", "refer", "notes")
    with atomic_file(folder / PATIENTS) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(_plain(record) for record in records)
    return records


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {name: int(value) if isinstance(value, bool) else value for name, value in record.items()}


def _rows(folder: Path, patient: str) -> Path:
    return folder / "patients" / f"{patient}.csv"


def _record(folder: Path, patient: str) -> Path:
    return folder / "patients" / f"{patient}.json"
