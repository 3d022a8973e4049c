"""One shard: a TFRecord file of tf.Examples in gzip format, one per slice, written by one worker."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np

from components.common.bars import bar
from components.io.storage import Storage
from components.scans.scan import Scan
from components.scans.scan_files import image_path, mask_path, read_scan
from components.scans.slice_features import intensities


def examples(scan: Scan, neighbors: int = 0) -> Iterator[bytes]:
    """Serialise a scan slice by slice.

    Args:
        scan: scan with a reference mask.
        neighbors: number of slices on either side that each example carries.

    Yields:
        One serialised tf.Example per slice, in order, see `models.examples.FEATURES`.
    """
    from models.examples import encode_example

    assert scan.mask is not None
    missing = scan.missing_sequences()
    height, width = scan.mask.shape[1:]
    for number, (image, mask) in enumerate(zip(scan.image, scan.mask, strict=True), start=1):
        around = scan.neighbor_indices(number - 1, neighbors)
        yield encode_example(
            {
                "patient": scan.patient,
                "site": scan.site,
                "slice": number,
                "height": height,
                "width": width,
                "image": image.tobytes(),
                "neighbors": [scan.image[i].tobytes() for i in [*around[:neighbors], *around[neighbors + 1 :]]],
                "mask": mask.astype(np.uint8).tobytes(),
                "has_tumor": int(mask.any()),
                "tumor_pixels": int(mask.sum()),
                "missing_pre": int(missing["pre"]),
                "missing_post": int(missing["post"]),
                **intensities(image),
            }
        )


def shard_of(patient: str, shards: int) -> int:
    """Return the shard of a patient, which depends only on its name."""
    return zlib.crc32(patient.encode()) % shards


class WriteShard(beam.DoFn):
    """Write one shard: `((split, number), patients)` to `Split-<split>/examples-<number>-of-<shards>.tfrecord.gz`.

    Args:
        scans: folder or address of the scans that ingest wrote.
        folder: folder or address of the examples.
        shards: number of shards per split.
        neighbors: number of slices on either side that each example carries.
        gzip_level: compression level, 0 (none) to 9.
    """

    def __init__(self, scans: str, folder: str, shards: int, neighbors: int = 0, gzip_level: int = 0) -> None:
        self.scans, self.folder, self.shards = scans, folder, shards
        self.neighbors, self.gzip_level = neighbors, gzip_level

    def process(self, element: tuple[tuple[str, int], list[tuple[str, str]]]) -> None:
        """Write the shard on the worker's own disk, then move it to its destination."""
        import tensorflow as tf

        (split, number), patients = element
        name = f"Split-{split}/examples-{number:05d}-of-{self.shards:05d}.tfrecord.gz"
        scans = Storage(self.scans)
        with tempfile.TemporaryDirectory(prefix="glioflow-shard-") as folder:
            path = str(Path(folder) / "shard")
            options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=self.gzip_level)
            with tf.io.TFRecordWriter(path, options) as writer:
                for patient, site in bar(sorted(patients), desc=f"convert {split} {number}", unit="patient"):
                    files = [image_path("", patient).name, mask_path("", patient).name]
                    with scans.local(files) as local_copy:
                        for example in examples(read_scan(local_copy, patient, site), self.neighbors):
                            writer.write(example)
            Storage(self.folder).put(Path(path), name)
