"""Convert: scans to sharded, gzipped TFRecord files of tf.Example, one a slice, with Apache Beam.

A shard is written by one worker from a list of patients that depends on their names alone, so its bytes are the same
for any runner and any number of workers, and no worker holds more than one patient.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apache_beam as beam
import pandas as pd
from apache_beam.options.pipeline_options import PipelineOptions
from tqdm import tqdm

from components.errors import UserError
from components.files import atomic_folder
from components.scans.files import image_path, mask_path
from components.shards import WriteShard, shard_of
from components.tables import SIDES, read_splits
from components.tree import Tree


def jobs(splits: pd.DataFrame, shards: int) -> list[tuple[tuple[str, int], tuple[str, str]]]:
    """One entry a patient: `((side, shard), (patient, site))`."""
    return [((row.split, shard_of(row.patient, shards)), (row.patient, row.site)) for row in splits.itertuples()]


def run_pipeline(work: list[tuple[tuple[str, int], tuple[str, str]]], writer: WriteShard, beam_args: list[str]) -> None:
    """Run the pipeline, the same one wherever `beam_args` lets it run."""
    options = PipelineOptions(beam_args)
    unknown = {flag.partition("=")[0].removeprefix("--") for flag in beam_args} - set(options.get_all_options())
    if unknown:
        raise UserError(f"params.yaml: convert.beam_args: Beam has no flag --{min(unknown)}; correct it")
    try:
        pipeline = beam.Pipeline(options=options)
    except ValueError as error:
        raise UserError(f"params.yaml: convert.beam_args: {' '.join(str(error).split())}; correct it") from error
    with pipeline:
        _ = pipeline | "Patients" >> beam.Create(work) | "ByShard" >> beam.GroupByKey() | "Write" >> beam.ParDo(writer)


@contextmanager
def shared(scans: Path, folder: Path, patients: Iterable[str], storage: str | None) -> Iterator[tuple[str, str]]:
    """Yield where the workers read scans and write examples: here, or in `storage`, with copies there and back."""
    if storage is None:
        yield str(scans.resolve()), str(folder.resolve())
        return
    place = f"{storage.rstrip('/')}/glioflow-convert-{uuid.uuid4().hex}"
    inputs, outputs = Tree(f"{place}/scans"), Tree(f"{place}/examples")
    try:
        for patient in tqdm(patients, desc="to storage", unit="patient"):
            for path in (image_path(scans, patient), mask_path(scans, patient)):
                inputs.put(path, path.name)
        yield inputs.address, outputs.address
        with outputs.local(outputs.files) as near:
            shutil.copytree(near, folder, dirs_exist_ok=True)
    finally:
        if Tree(place).fs.exists(Tree(place).root):
            Tree(place).remove()


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
        scans: what ingest wrote.
        splits: CSV, patient to side.
        folder: replaced as a whole, or left as it was where anything fails.
        shards: files a side at most; a shard without patients is not written.
        beam_args: pipeline options, e.g. `--runner=DirectRunner`; they choose where the pipeline runs.
        storage: address that all workers reach, e.g. `gs://bucket/prefix`; None where they work on this machine's disk.
        neighbors: slices either side that each example carries, for networks that see them.
        gzip_level: 0 reads fastest, 1 to 9 are smaller.
    """
    table = read_splits(splits)
    with atomic_folder(folder) as part:
        for side in SIDES:
            (part / f"Split-{side}").mkdir()
        with shared(Path(scans), part, table["patient"], storage) as (source, target):
            run_pipeline(jobs(table, shards), WriteShard(source, target, shards, neighbors, gzip_level), beam_args)
