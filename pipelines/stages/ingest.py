"""Stage ingest: read the source into scans and a manifest."""

from __future__ import annotations

from components.common.params import Params
from components.ingest.stage import ingest
from components.sources.reading import Options
from pipelines.paths import MANIFEST, PROBLEMS, SCANS


def run(params: Params) -> None:
    """Read the source: one NIfTI file per patient, one manifest row per slice."""
    group = params.ingest
    ingest(
        params.source,
        SCANS,
        MANIFEST,
        PROBLEMS,
        policy=group.policy,
        options=Options(group.size, group.spacing, group.channels),
        patients=group.patients,
        workers=group.workers,
    )
