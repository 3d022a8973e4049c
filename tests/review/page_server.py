"""The review page on a real server in this process, for a browser."""

from __future__ import annotations

import contextlib
import socket
import threading

import uvicorn
from conftest import ROOT

from components.review.access_guard import AccessGuard
from components.review.routes import application, page_files

VIEWER = ROOT / ".tools" / "review" / "niivue.umd.js"
TOKEN = "a-token-of-the-tests"


@contextlib.contextmanager
def served(session):
    """Yield the address of a session's page, its token included."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = AccessGuard(application(session, page_files(VIEWER)), port, TOKEN)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/?token={TOKEN}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
