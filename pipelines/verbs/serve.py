"""`glioflow serve`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from components.common import packages
from pipelines.project import from_here

CODE = Path(__file__).resolve().parents[2]
ENDS = (signal.SIGINT, signal.SIGTERM)


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
@click.option(
    "--patience",
    default=30,
    show_default=True,
    type=click.IntRange(min=1),
    help="Seconds that a request's body may take, and all requests under way after SIGTERM.",
)
def serve(model: str, host: str, port: int, limit: int, patience: int) -> None:
    """Serve a model over REST (TensorFlow Serving v1, Open Inference v2) until SIGTERM; finish requests in progress."""
    for number in ENDS:
        # Fetching a model may take long, and the first process of a container ignores signals that it does not handle.
        signal.signal(number, lambda *_: os._exit(0))
    packages.need(*packages.SERVE)
    from components.layered.record import read_record, saved_model
    from components.registry.resolve import model_folder

    folder = model_folder(model)
    read_record(folder)
    flags = ["--model", saved_model(folder).resolve(), "--host", host, "--port", port, "--limit", limit * 2**20]
    path = os.pathsep.join(filter(None, [str(CODE), os.environ.get("PYTHONPATH")]))
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "PYTHONPATH": path}
    # Another program in this process, so that a server that strangers reach holds nothing used to find its model.
    words = ["-m", "components.serving.server", *map(str, flags), "--patience", str(patience)]
    # Blocked until the new program handles them: as the first process of a container, it would miss them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    os.execve(sys.executable, [sys.executable, *words], environment)  # noqa: S606  signals then reach the server itself
