"""`glioflow stage NAME`: one stage of dvc.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import click

from pipelines.stage_trace import record_stage
from pipelines.times import noted


@click.group()
def stage() -> None:
    """Run one stage of dvc.yaml, as `dvc repro` does."""


@contextmanager
def _running(name: str) -> Iterator[None]:
    record_stage(name)
    with noted(name):
        yield


def _add_stage(name: str, summary: str) -> None:
    @stage.command(name, help=summary)
    def command() -> None:
        from components.common import params

        with _running(name):
            import_module(f"pipelines.stages.{name}").run(params.load())


for _name, _summary in {
    "demo": "Write the synthetic patients.",
    "ingest": "Read the source: one NIfTI a patient, one manifest row a slice.",
    "split": "Split by patient and audit the split for leaks.",
    "convert": "Write sharded TFRecords with Apache Beam.",
    "validate": "Check the examples against the curated schema.",
    "assemble": "Choose thresholds on validation patients; write the layered model.",
    "evaluate": "Measure on the test patients; give the verdict.",
    "report": "Write the HTML report.",
    "push": "Register the layered model and its dossier as the next version, if it is blessed.",
}.items():
    _add_stage(_name, _summary)


@stage.command()
@click.argument("network", type=click.Choice(["classifier", "segmenter"]))
def train(network: str) -> None:
    """Train the classifier or the segmenter."""
    from components.common import params
    from pipelines.stages.train import run

    with _running(f"train@{network}"):
        run(params.load(), network)
