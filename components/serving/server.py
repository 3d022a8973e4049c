"""`python -m components.serving.server --model FOLDER`: the REST server of one layered model."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from typing import NoReturn

ENDS = (signal.SIGINT, signal.SIGTERM)


def options(words: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="components.serving.server")
    parser.add_argument("--model", required=True, help="folder of the SavedModel")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--limit", type=int, default=32 * 1024 * 1024, help="bytes of a request")
    parser.add_argument("--patience", type=int, default=30, help="seconds a body may take, or all after SIGTERM")
    return parser.parse_args(words)


def serve(chosen: argparse.Namespace) -> None:
    """Serve until SIGTERM or ctrl-C, then finish the requests in progress.

    Health is answered at once, and predictions as soon as the model has been loaded.
    """
    for number in ENDS:
        # While the server starts; later uvicorn drains first, and then passes the signal on to this.
        signal.signal(number, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)  # `glioflow serve` blocked them until they could be handled
    try:
        door = socket.create_server((chosen.host, chosen.port))
    except OSError as error:
        address = f"{chosen.host}:{chosen.port}"
        _give_up(f"{address}: can't listen there ({error.strerror}); choose another with --host, --port")
    import uvicorn

    from components.serving.app import PREDICT, application
    from components.serving.loading import Loading

    loading = Loading(chosen.model)
    config = uvicorn.Config(
        application(loading, chosen.limit, chosen.patience),
        log_config=None,
        log_level="error",  # no access log
        server_header=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=chosen.patience,
    )
    server = uvicorn.Server(config)

    def ended() -> None:
        if loading.failure:
            server.should_exit = True
        else:
            print(f"serving on http://{chosen.host}:{door.getsockname()[1]}{PREDICT}", flush=True)

    loading.start(ended)
    server.run(sockets=[door])
    if loading.failure:
        _give_up(loading.failure)


def _stop(*_: object) -> NoReturn:
    """End at once: nothing is in progress, but a thread may still be loading the model, which takes its time."""
    sys.stdout.flush()
    os._exit(0)


def _give_up(reason: str) -> NoReturn:
    """Exit with one line that says why the server can't run."""
    print(f"glioflow: {reason}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    serve(options())
