"""Stage assemble: choose the thresholds and write the layered model."""

from __future__ import annotations

from components.assemble.stage import assemble
from components.common.params import Params
from components.sources.reading import Options
from pipelines.paths import ARTIFACTS, LAYERED, SCANS, SPLITS


def run(params: Params) -> None:
    """Choose thresholds on validation patients; write the layered model."""
    group = params.ingest
    record = assemble(
        ARTIFACTS / "classifier",
        ARTIFACTS / "segmenter",
        SCANS,
        SPLITS,
        LAYERED,
        **params.assemble.model_dump(),
        slices=Options(group.size, group.spacing, group.channels),
    )
    print(f"thresholds: tumour {record['tumor_threshold']:.4f}, mask {record['mask_threshold']:.2f}")
