"""Stage convert: write the TFRecord shards with Beam."""

from __future__ import annotations

from components.common.params import Params
from components.convert.stage import convert
from pipelines.paths import EXAMPLES, SCANS, SPLITS


def run(params: Params) -> None:
    """Write sharded TFRecords with Apache Beam."""
    neighbors = max(params.classifier.neighbors, params.segmenter.neighbors)
    convert(SCANS, SPLITS, EXAMPLES, **params.convert.model_dump(), neighbors=neighbors)
