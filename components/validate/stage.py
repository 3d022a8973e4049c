"""Validate: do the examples conform to the curated schema? An anomaly fails the stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.common.errors import UserError
from components.validate.drift import describe_drift

SCHEMA = Path(__file__).with_name("schema.pbtxt")
# No statistics of images, whose raw bytes mean nothing, or of names, which identify patients.
DESCRIBED = (
    *("site", "slice", "has_tumor", "tumor_pixels", "missing_pre", "missing_post"),
    *("mean_pre", "std_pre", "mean_flair", "std_flair", "mean_post", "std_post"),
)


def stats_options() -> tfdv.StatsOptions:
    """Options of StatisticsGen: only the features in `DESCRIBED`."""
    return tfdv.StatsOptions(feature_allowlist=list(DESCRIBED))


def read_anomalies(folder: str | Path) -> Iterator[tuple[str, str, str]]:
    """Yield (split, feature, description) of each anomaly that ExampleValidator wrote below `folder`."""
    for path in sorted(Path(folder).glob("Split-*/SchemaDiff.pb")):
        found = anomalies_pb2.Anomalies.FromString(path.read_bytes())
        split = path.parent.name.removeprefix("Split-")
        if found.dataset_anomaly_info.description:
            yield split, "(all)", found.dataset_anomaly_info.description
        for feature, info in sorted(found.anomaly_info.items()):
            yield split, feature, info.description


def check(folder: str | Path) -> None:
    """Raise UserError naming the first anomaly and the number of others."""
    anomalies = list(read_anomalies(folder))
    if anomalies:
        split, feature, description = anomalies[0]
        more = f" (and {len(anomalies) - 1} more)" if len(anomalies) > 1 else ""
        raise UserError(
            f"data/examples: {split}: {feature}: {' '.join(description.split())}{more}; "
            f"correct the scans or, if they are right, {SCHEMA.parent.name}/{SCHEMA.name}"
        )


def check_drift(table: pd.DataFrame, action: str) -> None:
    """Print how val and test patients differ from train; raise UserError if they do and `action` is "refuse"."""
    lines = [f"{split}: {line}" for split, part in table.groupby("split") for line in describe_drift(part)]
    for line in lines:
        print(f"drift: {line}")
    if lines and action == "refuse":
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        raise UserError(f"data/splits.csv: {lines[0]}{more}; split differently, or set drift.action to warn")
