"""`glioflow serve`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from components.common.errors import UserError
from pipelines.project import from_here

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-serving" / "bin" / "python"


@click.command()
@click.option(
    "--model",
    required=True,
    metavar="MODEL",
    callback=from_here,
    help="Model to serve, e.g. registry:prod, registry:v1.0.0, artifacts/layered.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; there is no password.")
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 picks a free one.",
)
@click.option("--limit", default=32, show_default=True, type=click.IntRange(1, 1024), help="Largest request, MiB.")
def serve(model: str, host: str, port: int, limit: int) -> None:
    """Serve a model over REST, TensorFlow Serving's v1 protocol, until SIGTERM; requests under way are finished."""
    from components.layered.record import read_record, saved_model
    from components.registry.resolve import model_folder

    folder = model_folder(model)
    read_record(folder)
    if not PYTHON.exists():
        raise UserError(f"{PYTHON.parents[1]}: the server's environment is not here; run `make serve-setup`")
    flags = ["--model", saved_model(folder).resolve(), "--host", host, "--port", port, "--limit", limit * 2**20]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "PYTHONPATH": str(ROOT)}
    program = [str(PYTHON), "-m", "components.serving.server", *map(str, flags)]
    os.execve(PYTHON, program, environment)  # noqa: S606  signals then reach the server itself
