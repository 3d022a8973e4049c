"""The page behind a real server, in this process: what a browser is pointed at."""

from __future__ import annotations

import contextlib
import socket
import threading

import uvicorn
from conftest import ROOT

from components.review.doors import Doors
from components.review.routes import application, page_files

VIEWER = ROOT / ".tools" / "review" / "niivue.umd.js"
TOKEN = "a-token-of-the-tests"


@contextlib.contextmanager
def served(desk):
    """Yield the address of a desk's page, its token included."""
    door = socket.create_server(("127.0.0.1", 0))
    port = door.getsockname()[1]
    app = Doors(application(desk, page_files(VIEWER)), port, TOKEN)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/?token={TOKEN}"
    finally:
        server.should_exit = True
        thread.join()
        door.close()
