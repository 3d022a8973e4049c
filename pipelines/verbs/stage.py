"""`glioflow stage NAME`: one stage of dvc.yaml, a module of `pipelines/stages` each."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import click

from pipelines import stages
from pipelines.runs.times import noted


@click.group()
def stage() -> None:
    """Run one stage of dvc.yaml, as `dvc repro` does."""


def _summary(module: Path) -> str:
    """Docstring of a stage's `run`, parsed rather than imported, because most stages import TensorFlow or TFX."""
    body = ast.parse(module.read_text(encoding="utf-8")).body
    (run,) = (node for node in body if isinstance(node, ast.FunctionDef) and node.name == "run")
    return str(ast.get_docstring(run))


def _add_stage(name: str, summary: str) -> None:
    @stage.command(name, help=summary)
    def command() -> None:
        from components.common import params

        with noted(name):
            import_module(f"pipelines.stages.{name}").run(params.load())


@stage.command()
@click.argument("network", type=click.Choice(["classifier", "segmenter"]))
def train(network: str) -> None:
    """Train the classifier or the segmenter."""
    from components.common import params
    from pipelines.stages.train import run

    with noted(f"train@{network}"):
        run(params.load(), network)


for _module in sorted(Path(stages.__path__[0]).glob("[!_]*.py")):
    if _module.stem not in stage.commands:  # `train` takes a network, too
        _add_stage(_module.stem, _summary(_module))
