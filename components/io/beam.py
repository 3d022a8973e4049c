"""A Beam job with one element per piece of work, on whichever runner `beam_args` names."""

from __future__ import annotations

import io
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from components.common.bars import bar
from components.common.errors import UserError
from components.io.storage import Storage, walk


def run_pipeline(work: Sequence[tuple[Any, Any]], worker: beam.DoFn, beam_args: list[str]) -> None:
    """Group `work` by key and pass each group, `(key, values)`, to the worker; raises what `empty_pipeline` raises."""
    with empty_pipeline(beam_args) as pipeline:
        _ = pipeline | "Work" >> beam.Create(work) | "ByKey" >> beam.GroupByKey() | "Do" >> beam.ParDo(worker)


def empty_pipeline(beam_args: list[str]) -> beam.Pipeline:
    """Return an empty pipeline that runs when its `with` block ends.

    Raises:
        UserError: Beam does not know a flag, or rejects its value.
    """
    for flag in beam_args:
        if not _is_flag(flag):
            raise _wrong(f"Beam has no flag {flag.partition('=')[0]}")
    try:
        return beam.Pipeline(options=PipelineOptions(beam_args))
    except ValueError as error:
        raise _wrong(str(error)) from error


def _is_flag(flag: str) -> bool:
    """Return whether Beam knows a flag, `--name` or `--name=value`; raises UserError if it rejects the value."""
    messages = io.StringIO()
    try:
        with redirect_stderr(messages):  # where its parser prints pages of usage
            options = PipelineOptions([flag])
            # A flag is known by its option's name or, if it is an alias, by the option that it changes.
            changed, known = options.get_all_options(drop_default=True), options.get_all_options()
    except SystemExit as error:
        raise _wrong(messages.getvalue().rpartition("error: ")[2]) from error
    return bool(changed) or (flag.startswith("--") and flag.partition("=")[0].removeprefix("--") in known)


def _wrong(reason: str) -> UserError:
    return UserError(f"params.yaml: convert.beam_args: {' '.join(reason.split())}; correct it")


@contextmanager
def worker_paths(
    inputs: Mapping[str, Path], folder: Path, storage: str | None, name: str
) -> Iterator[tuple[dict[str, str], str]]:
    """Yield where the workers read the input folders and write: here, or in `storage`, with copies there and back.

    Args:
        inputs: name to folder.
        folder: output folder; contains what the workers wrote when the block ends.
        storage: address that all workers reach, e.g. gs://bucket/prefix; None if they work on this machine's disk.
        name: name of the job, used for its location in the storage.
    """
    if storage is None:
        yield {name: str(path.resolve()) for name, path in inputs.items()}, str(folder.resolve())
        return
    place = f"{storage.rstrip('/')}/glioflow-{name}-{uuid.uuid4().hex}"
    outputs = Storage(f"{place}/out")
    try:
        for kind, path in inputs.items():
            target = Storage(f"{place}/{kind}")
            for file in bar(walk(path), desc=f"{kind} to storage", unit="file"):
                target.put(Path(file), str(Path(file).relative_to(path)))
        yield {kind: f"{place}/{kind}" for kind in inputs}, outputs.address
        with outputs.local(outputs.files) as local_copy:
            shutil.copytree(local_copy, folder, dirs_exist_ok=True)
    finally:
        if Storage(place).fs.exists(Storage(place).root):
            Storage(place).remove()
