"""Convert: scans to sharded TFRecord files of tf.Examples, one per slice, with Apache Beam.

The files are in gzip format, uncompressed at level 0. One worker writes each shard from a list of patients that depends
only on their names, so the bytes are the same for any runner and any number of workers, and no worker holds more than
one patient at a time.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from components.common.files import atomic_folder
from components.common.tables import SPLIT_NAMES, read_splits
from components.convert.shards import WriteShard, shard_of
from components.io.beam import run_pipeline, worker_paths


def jobs(splits: pd.DataFrame, shards: int) -> list[tuple[tuple[str, int], tuple[str, str]]]:
    """Return one entry per patient: `((split, shard), (patient, site))`."""
    return [((row.split, shard_of(row.patient, shards)), (row.patient, row.site)) for row in splits.itertuples()]


def convert(
    scans: str | Path,
    splits: str | Path,
    folder: str | Path,
    *,
    shards: int,
    beam_args: list[str],
    storage: str | None = None,
    neighbors: int = 0,
    gzip_level: int = 0,
) -> None:
    """Write `folder/Split-{train,val,test}/`.

    Args:
        scans: folder written by ingest.
        splits: CSV that maps patients to splits.
        folder: output folder; replaced as a whole, or unchanged if anything fails.
        shards: maximum number of files per split; a shard without patients is not written.
        beam_args: pipeline options, e.g. `--runner=FnApiRunner`; they determine where the pipeline runs.
        storage: address that all workers reach, e.g. `gs://bucket/prefix`; None if they work on this machine's disk.
        neighbors: number of slices on either side that each example carries, for networks that see them.
        gzip_level: compression level; 0 (none) reads fastest, 1 to 9 give smaller files.
    """
    table = read_splits(splits)
    with atomic_folder(folder) as part:
        for split in SPLIT_NAMES:
            (part / f"Split-{split}").mkdir()
        with worker_paths({"scans": Path(scans)}, part, storage, "convert") as (sources, target):
            worker = WriteShard(sources["scans"], target, shards, neighbors, gzip_level)
            run_pipeline(jobs(table, shards), worker, beam_args)
