"""The same prediction as a Beam job: RunInference with one model per worker, on whichever runner the flags name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, RunInference

from components.io.beam import empty_pipeline, worker_paths
from components.io.storage import Storage
from components.layered.record import read_record
from components.predict import local_run, results
from components.predict.checked_reading import Job, read_one
from components.predict.detector import Detector
from components.predict.run_options import RunOptions
from components.sources import Source
from components.sources.reading import Reading


class Read(beam.DoFn):
    """Read `(number of the source, patient)`; yields the number and the reading."""

    def __init__(self, sources: list[Source], options: Any) -> None:
        self.sources, self.options = sources, options

    def process(self, element: Job) -> Iterator[tuple[int, Reading]]:
        """Read one patient."""
        yield element[0], read_one(element, self.sources, self.options)


class Predict(ModelHandler[tuple[int, Reading], str, Detector]):
    """Run the model on readings, and write the results.

    Args:
        layered, folder: addresses of the model and of the output.
        sources: inputs, which determine the format of the masks.
        options: how to predict.
    """

    def __init__(
        self,
        layered: str,
        folder: str,
        sources: list[Source],
        options: RunOptions,
    ) -> None:
        super().__init__()
        self.layered, self.folder, self.sources, self.options = layered, folder, sources, options

    def load_model(self) -> Detector:
        """Load the model once per worker process."""
        with ExitStack() as stack:
            tree = Storage(self.layered)
            return Detector(stack.enter_context(tree.local(tree.files)), self.options.doubt, self.options.engine)

    def run_inference(
        self, batch: Sequence[tuple[int, Reading]], model: Detector, inference_args: dict[str, Any] | None = None
    ) -> Iterable[str]:
        """Predict and write; yields the patients' names."""
        for number, reading in batch:
            with tempfile.TemporaryDirectory(prefix="glioflow-predict-") as folder:
                local_run.write(
                    Path(folder),
                    self.sources[number],
                    local_run.predict_patient(reading, model),
                    self.options,
                )
                target = Storage(self.folder)
                # The record goes last: its presence means that the rest is complete.
                for file in sorted(Storage(folder).files, key=lambda name: name.endswith(".json")):
                    target.put(Path(folder) / file, file)
            yield reading.patient

    def batch_elements_kwargs(self) -> dict[str, Any]:
        """Disable batching of elements: a scan already is a batch of slices."""
        return {"min_batch_size": 1, "max_batch_size": 1}


def predict(
    work: local_run.Work,
    out: Path,
    model: Path,
    beam_args: list[str],
    storage: str | None,
) -> None:
    """Predict on the runner named in `beam_args`; see `components.io.beam.worker_paths` for `storage`."""
    options = local_run.options_of(read_record(model))
    with worker_paths({"layered": model}, out, storage, "predict") as (inputs, target):
        handler = Predict(inputs["layered"], target, work.sources, work.options)
        with empty_pipeline(beam_args) as pipeline:  # rejects bad flags before anything is written
            local_run.claim(out, model)
            results.discard(out, (patient for _, patient in work.jobs))
            _ = (
                pipeline
                | "Patients" >> beam.Create(work.jobs)
                | "Spread" >> beam.Reshuffle()
                | "Read" >> beam.ParDo(Read(work.sources, options))
                | "Predict" >> RunInference(handler)
            )
