"""`python -m components.serving.server --model FOLDER`: KServe's REST server, on an address of this machine."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
warnings.filterwarnings("ignore", "ORJSONResponse is deprecated")  # KServe's own affair
# KServe reads the command line when it is imported, and knows nothing of ours.
OURS, sys.argv = sys.argv[1:], sys.argv[:1]

from kserve.errors import InvalidInput  # noqa: E402
from kserve.model_repository import ModelRepository  # noqa: E402
from kserve.model_server import app  # noqa: E402
from kserve.protocol.dataplane import DataPlane  # noqa: E402
from kserve.protocol.model_repository_extension import ModelRepositoryExtension  # noqa: E402
from kserve.protocol.rest.server import RESTServer  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import JSONResponse  # noqa: E402

from components.serving.guard import Guard  # noqa: E402
from components.serving.model import NAME, LayeredModel  # noqa: E402

PATHS = {
    "/": "GET",
    "/metrics": "GET",
    "/v1/models": "GET",
    f"/v1/models/{NAME}": "GET",
    f"/v1/models/{NAME}:predict": "POST",
    "/v2/health/live": "GET",
    "/v2/health/ready": "GET",
}
DRAIN = 30  # seconds that requests have to end after SIGTERM
WAITING = 64  # connections; more are answered with 503


def _told(reason: str) -> int:
    """Say in one line why there is no server; gives the exit status."""
    print(f"glioflow: {reason}", file=sys.stderr)
    return 2


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    """Answer bad input; unlike KServe's own, without a traceback in the log for it."""
    return JSONResponse({"error": str(error)}, 400)


def serve(folder: str, host: str, port: int, limit: int) -> None:
    """Serve until SIGTERM or ctrl-C; then what was begun is ended."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # While the model loads; later uvicorn drains first, and then hands the signal back to this.
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        # Before the model is loaded; who connects until then waits.
        door = socket.create_server((host, port))
    except OSError as error:
        sys.exit(_told(f"{host}:{port} can't be listened on ({error.strerror}); choose another with --host, --port"))
    models = ModelRepository()
    models.update(LayeredModel(folder), NAME)
    plane = DataPlane(model_registry=models)
    server = RESTServer("kserve.model_server:app", plane, ModelRepositoryExtension(models), port, grace_period=DRAIN)
    server.config.host, server.config.limit_concurrency = host, WAITING
    server.config.access_log, server.config.server_header = False, False
    server.create_application()
    app.add_exception_handler(InvalidInput, _refuse)
    app.add_middleware(Guard, paths=PATHS, limit=limit)
    print(f"serving on http://{host}:{door.getsockname()[1]}/v1/models/{NAME}:predict", flush=True)
    asyncio.run(server._server.serve(sockets=[door]))  # not start(), which would create the application again


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--limit", type=int, default=32 * 1024 * 1024)
    chosen = parser.parse_args(OURS)
    logging.getLogger("kserve").setLevel(logging.ERROR)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    serve(chosen.model, chosen.host, chosen.port, chosen.limit)


if __name__ == "__main__":
    main()
