"""Convert: scans to sharded, gzipped TFRecord files of tf.Example, one a slice, with Apache Beam.

A shard is written by one worker from a list of patients that depends on their names alone, so its bytes are the same
for any runner and any number of workers, and no worker holds more than one patient.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np
import pandas as pd
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image
from tqdm import tqdm

from components.files import atomic_folder
from components.scan import CHANNELS, Scan, read_scan
from components.tables import SIDES, read_splits


def png(pixels: np.ndarray) -> bytes:
    """Encode uint8 pixels, [height, width] or [height, width, 3], as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png", compress_level=1)
    return buffer.getvalue()


def examples(scan: Scan) -> Iterator[bytes]:
    """Serialise a scan slice by slice; the scan must have a mask."""
    from models.examples import encode_example

    assert scan.mask is not None
    missing = scan.missing_sequences()
    for number, (image, mask) in enumerate(zip(scan.image, scan.mask, strict=True), start=1):
        intensities = {}
        for channel, name in enumerate(CHANNELS):
            intensities[f"mean_{name}"] = float(image[..., channel].mean())
            intensities[f"std_{name}"] = float(image[..., channel].std())
        yield encode_example(
            {
                "scan": scan.patient,
                "patient": scan.patient,
                "site": scan.site,
                "slice": number,
                "image": png(np.ascontiguousarray(image)),
                "mask": png(mask.astype(np.uint8) * 255),
                "has_tumor": int(mask.any()),
                "tumor_pixels": int(mask.sum()),
                "missing_pre": int(missing["pre"]),
                "missing_post": int(missing["post"]),
                **intensities,
            }
        )


def shard_of(patient: str, shards: int) -> int:
    """The shard a patient belongs to, by its name alone."""
    return zlib.crc32(patient.encode()) % shards


class WriteShard(beam.DoFn):
    """Write one shard: `((side, number), patients)` to `Split-<side>/examples-<number>-of-<shards>.tfrecord.gz`."""

    def __init__(self, scans: str, folder: str, shards: int) -> None:
        self.scans, self.folder, self.shards = scans, folder, shards

    def process(self, element: tuple[tuple[str, int], list[tuple[str, str]]]) -> None:
        """Write the shard."""
        import tensorflow as tf

        (side, number), patients = element
        path = f"{self.folder}/Split-{side}/examples-{number:05d}-of-{self.shards:05d}.tfrecord.gz"
        with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)) as writer:
            for patient, site in tqdm(sorted(patients), desc=f"convert {side} {number}", unit="patient"):
                for example in examples(read_scan(self.scans, patient, site)):
                    writer.write(example)


def jobs(splits: pd.DataFrame, shards: int) -> list[tuple[tuple[str, int], tuple[str, str]]]:
    """One entry a patient: `((side, shard), (patient, site))`."""
    return [((row.split, shard_of(row.patient, shards)), (row.patient, row.site)) for row in splits.itertuples()]


def convert(scans: str | Path, splits: str | Path, folder: str | Path, *, shards: int, beam_args: list[str]) -> None:
    """Write `folder/Split-{train,val,test}/`.

    Args:
        scans: what ingest wrote.
        splits: CSV, patient to side.
        folder: replaced as a whole, or left as it was where anything fails.
        shards: files a side at most; a shard without patients is not written.
        beam_args: pipeline options, e.g. `--runner=DirectRunner`; they choose where the pipeline runs.
    """
    table = read_splits(splits)
    with atomic_folder(folder) as part:
        for side in SIDES:
            (part / f"Split-{side}").mkdir()
        with beam.Pipeline(options=PipelineOptions(beam_args)) as pipeline:
            _ = (
                pipeline
                | "Patients" >> beam.Create(jobs(table, shards))
                | "ByShard" >> beam.GroupByKey()
                | "Write" >> beam.ParDo(WriteShard(str(Path(scans).resolve()), str(part.resolve()), shards))
            )
