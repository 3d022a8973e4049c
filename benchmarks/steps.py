"""Ingest and convert as the workflow runs them, and as plain loops: what `benchmarks/data.py` measures.

The project is imported in the functions, so that a worker of ingest that imports this file does not pay for TensorFlow.
"""

from __future__ import annotations

from pathlib import Path

BEAM = ([], ["--direct_num_workers=1"], ["--direct_running_mode=multi_processing", "--direct_num_workers=2"])
# What each step imports before the clock starts.
MODULES = {"ingest": ["components.ingest.stage"], "convert": ["components.convert.stage", "models.examples"]}


def ingest(source: Path, out: Path, workers: int, patients: int | None) -> None:
    """Ingest into `out`, with 0 workers in a plain loop; patients: how many, None for all."""
    from components.common.problems import REMEDIES
    from components.ingest.stage import evenly_spaced, ingest
    from components.scans.scan_files import write_scan
    from components.scans.slice_features import describe
    from components.sources import open_source

    if workers:
        paths = (out / name for name in ("scans", "manifest.csv", "problems.csv"))
        ingest(source, *paths, policy=dict.fromkeys(REMEDIES, "warn"), patients=patients, workers=workers)
        return
    with open_source(source) as opened:
        for name in evenly_spaced(opened.patients, patients):
            scan = opened.read(name).scan
            write_scan(out, scan)
            list(describe(scan, opened.synthetic))


def convert(data: Path, out: Path, workers: int, patients: int) -> None:
    """Convert into `out` what `prepare` made of so many patients, with 0 workers in a plain loop, into one file."""
    import tensorflow as tf

    from components.common.tables import read_splits
    from components.convert.shards import examples
    from components.convert.stage import convert
    from components.scans.scan_files import read_scan

    splits = data / f"{patients}.csv"
    if workers:
        arguments = ["--runner=FnApiRunner", *BEAM[workers]]
        convert(data / "scans", splits, out / "examples", shards=4, beam_args=arguments)
        return
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=0)
    with tf.io.TFRecordWriter(str(out / "examples.gz"), options) as writer:
        for row in read_splits(splits).itertuples():
            for example in examples(read_scan(data / "scans", row.patient, row.site)):
                writer.write(example)
