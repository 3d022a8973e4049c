"""A finished run, read from the output of earlier stages: the source of the page, the card and the curves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from components.common.files import read_json
from components.common.layout import CHAMPION, HISTORY
from components.common.params import Params
from components.common.predictions import read_patients, read_slices
from components.common.tables import read_manifest, read_splits, read_table
from components.layered.record import read_record
from components.metrics.calibration import reliability
from components.metrics.pixel_calibration import PixelCalibration, read_pixels

NETWORKS = ("classifier", "segmenter")
# Only pixels that the model considers possible tumour: the background would drown out the rest.
LOWEST = 0.01


@dataclass(frozen=True, eq=False)
class Run:
    """The results of a run.

    Attributes:
        metrics: reports/details.json.
        verdict: the gate's verdict.json.
        record: the layered model's layered.json.
        scores: patients.csv by its column `gate`: "on", "off", "unprocessed"; one row per test patient each.
        champion: the champion's scores, "on"; None if there was none.
        slices: slices.csv.
        pixels: pixels.json.
        manifest, splits: tables of all patients.
        problems: problems found by ingest.
        drift: drift table; None if it was not measured.
        histories: network to its table of epochs, without rows if there is none.
        scans, predictions, artifacts: folders.
    """

    params: Params
    metrics: dict[str, Any]
    verdict: dict[str, Any]
    record: dict[str, Any]
    scores: dict[str, pd.DataFrame]
    champion: pd.DataFrame | None
    slices: pd.DataFrame
    pixels: PixelCalibration
    manifest: pd.DataFrame
    splits: pd.DataFrame
    problems: pd.DataFrame
    drift: pd.DataFrame | None
    histories: dict[str, pd.DataFrame]
    scans: Path
    predictions: Path
    artifacts: Path

    @property
    def synthetic(self) -> bool:
        """Whether the scans are synthetic."""
        return bool(self.metrics["data"] == "synthetic")

    @property
    def patients(self) -> pd.DataFrame:
        """Scores of the model as used, test patients by name, with the column `referred`."""
        table = self.scores["on"]
        # NaN ranks as the greatest doubt.
        return table.assign(referred=~(table["doubt"] < self.metrics["doubt"]["refer_at_doubt"]))

    @property
    def with_tumor(self) -> pd.DataFrame:
        """`patients` with a tumour in the reference, best first; ties by name."""
        table = self.patients
        return table[table["volume_dice"].notna()].sort_values(
            ["volume_dice", "patient"], ascending=[False, True], ignore_index=True
        )

    def reliability_of_slices(self) -> pd.DataFrame:
        """Reliability table of stage 1."""
        return reliability(self.slices["tumor_probability"].to_numpy(), self.slices["has_tumor"].to_numpy())

    def reliability_of_pixels(self) -> pd.DataFrame:
        """Reliability table of mask pixels with a probability of at least `LOWEST`."""
        return self.pixels.reliability(lowest=LOWEST)


def read_run(
    params: Params,
    *,
    metrics: Path,
    verdict: Path,
    artifacts: Path,
    predictions: Path,
    scans: Path,
    manifest: Path,
    splits: Path,
    problems: Path,
    drift: Path,
) -> Run:
    """Read a run.

    Args:
        params: parameters of the run.
        metrics: reports/details.json.
        verdict: verdict.json of the gate.
        artifacts: folder of the networks and the layered model.
        predictions: folder written by `evaluate`.
        scans: folder of the scans from ingest.
        manifest, splits, problems: tables of the data.
        drift: drift table; may be absent.

    Raises:
        UserError: a stage has not written its part yet, or a table can't be read.
    """
    champion = predictions / CHAMPION
    return Run(
        params=params,
        metrics=read_json(metrics),
        verdict=read_json(verdict),
        record=read_record(artifacts / "layered"),
        scores={gate: read_patients(predictions, gate) for gate in ("on", "off", "unprocessed")},
        champion=read_table(champion, "evaluate", ["volume_dice"]).query("gate == 'on'") if champion.exists() else None,
        slices=read_slices(predictions),
        pixels=read_pixels(predictions),
        manifest=read_manifest(manifest),
        splits=read_splits(splits),
        problems=read_table(problems, "ingest", ()),
        drift=read_table(drift, "validate", ()) if drift.exists() else None,
        histories={network: _history(artifacts / network / HISTORY) for network in NETWORKS},
        scans=scans,
        predictions=predictions,
        artifacts=artifacts,
    )


def _history(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.exists() else pd.DataFrame()
