"""A new batch of scans against the training set: do they still look like the data that the model learned from?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from components.common.bars import bar
from components.common.errors import UserError
from components.common.tables import read_manifest, read_splits
from components.ingest.patient import check_all, read_and_check
from components.ingest.stage import evenly_spaced
from components.layered.predictor import Predictor
from components.scans.scan import Scan
from components.scans.scan_files import read_scan
from components.sources import open_source
from components.sources.reading import Options
from components.studies.training_grid import options_like
from components.validate.drift import SHARE, by_patient, by_person, compare


def training_set(data: Path) -> pd.DataFrame:
    """Manifest rows of the training patients in a data folder; of all patients if there is no split yet."""
    manifest = read_manifest(data / "manifest.csv")
    if not (data / "splits.csv").exists():
        return manifest
    splits = read_splits(data / "splits.csv")
    return manifest[manifest["patient"].isin(splits.loc[splits["split"] == "train", "patient"])]


def load_detector(model: Path) -> Callable[[Scan], float]:
    """Load a layered model; returns a function that gives the fraction of a scan's slices called tumour, 0..1."""
    engine = Predictor(model).engine
    return lambda scan: float(engine.detect(scan)["has_tumor"].mean())


def drift(
    address: str, against: Path, *, level: float, options: Options, model: Path | None, sample: int, workers: int | None
) -> tuple[pd.DataFrame, int, list[str]]:
    """Compare the scans at `address`, which need no masks, with the training patients of the data folder `against`.

    Args:
        level: see `components.validate.drift.compare`.
        options: how to resample volumes to slices, where neither the training set nor the model tells.
        model: layered model whose predictions are compared, too; None leaves them out.
        sample: number of training patients to predict, spread over their names.
        workers: see `components.ingest.stage.ingest`.

    Returns:
        The table of `compare`; the number of new persons compared; the problems of those that can't be read.
    """
    reference = by_patient(training_set(against))
    if not len(reference):
        raise UserError(f"{against}: none of its training patients is in its manifest; run `dvc repro split` there")
    read_with = options_like(against / "scans", reference.index, model, options)
    share = load_detector(model) if model else None
    with tempfile.TemporaryDirectory(prefix="glioflow-drift-") as folder, open_source(address) as source:
        job = partial(read_and_check, source=source, options=read_with, folder=Path(folder), masks=False)
        findings = list(
            bar(check_all(job, source.patients, workers), desc="read", unit="patient", total=len(source.patients))
        )
        rows = [row for one in findings for row in one.rows]
        if not rows:
            raise UserError(f"{address}: none of its {len(findings)} patient(s) can be read; `ingest` says why")
        new = by_patient(pd.DataFrame(rows))
        if share is not None:
            asked = evenly_spaced(sorted(reference.index), sample)
            reference[SHARE] = pd.Series(
                {
                    name: share(read_scan(against / "scans", name))
                    for name in bar(asked, desc="reference", unit="patient")
                }
            )
            new[SHARE] = [share(read_scan(folder, name)) for name in bar(new.index, desc="new", unit="patient")]
    unread = [str(one.problems[0]) for one in findings if not one.rows]
    return compare(reference, new, level), len(by_person(new)), unread
