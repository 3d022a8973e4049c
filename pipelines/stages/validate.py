"""Stage validate: check the examples with TFX, and the splits for drift."""

from __future__ import annotations

import shutil
from pathlib import Path

from components.common.files import atomic_folder
from components.common.params import Params
from components.common.plain_path import plain_path
from components.common.tables import read_manifest, read_splits
from components.validate.drift import between_splits
from components.validate.stage import SCHEMA, check, check_drift
from pipelines.paths import EXAMPLES, MANIFEST, SPLITS, VALIDATION


def run(params: Params) -> None:
    """Check the examples against the curated schema, and the splits for drift."""
    from pipelines import local, training

    examples = training.import_examples(plain_path(EXAMPLES))
    nodes = training.data_validation(examples.outputs["result"], SCHEMA)
    with local.run("validate", [examples, *nodes], params.convert.beam_args_here) as outputs:
        found = {"statistics": "StatisticsGen", "anomalies": "ExampleValidator"}
        after_tfx(params, **{output: outputs.path(node, output) for output, node in found.items()})


def after_tfx(params: Params, statistics: Path, anomalies: Path) -> None:
    """Keep what TFX found in the examples, check for drift between the splits, then fail on an anomaly."""
    drift = between_splits(read_manifest(MANIFEST), read_splits(SPLITS), params.drift.level)
    with atomic_folder(VALIDATION) as part:
        shutil.copytree(statistics, part / "statistics")
        shutil.copytree(anomalies, part / "anomalies")
        drift.to_csv(part / "drift.csv", index=False)
    check(VALIDATION / "anomalies")
    check_drift(drift, params.drift.action)
