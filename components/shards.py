"""One shard: a gzipped TFRecord file of tf.Examples, one a slice, written by one worker."""

from __future__ import annotations

import io
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np
from PIL import Image
from tqdm import tqdm

from components.scans.files import image_path, mask_path, read_scan
from components.scans.scan import Scan
from components.slices import intensities
from components.tree import Tree


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
                **intensities(image),
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
        """Write the shard on the worker's own disk, then put it where it belongs."""
        import tensorflow as tf

        (side, number), patients = element
        name = f"Split-{side}/examples-{number:05d}-of-{self.shards:05d}.tfrecord.gz"
        scans = Tree(self.scans)
        with tempfile.TemporaryDirectory(prefix="glioflow-shard-") as folder:
            path = str(Path(folder) / "shard")
            options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
            with tf.io.TFRecordWriter(path, options) as writer:
                for patient, site in tqdm(sorted(patients), desc=f"convert {side} {number}", unit="patient"):
                    files = [image_path("", patient).name, mask_path("", patient).name]
                    with scans.local(files) as near:
                        for example in examples(read_scan(near, patient, site)):
                            writer.write(example)
            Tree(self.folder).put(Path(path), name)
