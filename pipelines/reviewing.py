"""`glioflow review`: the page's server, on this machine alone."""

from __future__ import annotations

import secrets
import signal
import socket
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from components.common import packages
from components.common.errors import UserError
from components.common.files import must_exist
from pipelines.paths import FOLDS

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"
VIEWER = Path(__file__).resolve().parent.parent / ".tools" / "review" / "niivue.umd.js"


def run(found: str, scans: str, out: str, reviewer: str, *, references: bool, port: int) -> None:
    """Serve the review until ctrl-C, SIGTERM or SIGHUP; requests under way are finished."""
    for address in (found, scans):
        must_exist(address)
    if not VIEWER.is_file():
        remedy = "review in a checkout of the project" if packages.in_image("workflow") else "run `make review-setup`"
        raise UserError(f"{VIEWER.parent}: the viewer is not here; {remedy}")
    try:
        door = socket.create_server((HOST, port))
    except OSError as error:
        raise UserError(f"{HOST}:{port}: can't listen there ({error.strerror}); choose another with --port") from error
    import uvicorn

    from components.review.access_guard import AccessGuard
    from components.review.opening import Task, open_review
    from components.review.routes import application, page_files

    # The address as it will be found again: the review's folder keeps it for `glioflow adopt`.
    place = scans if "://" in scans else str(Path(scans).absolute())
    # A cross-validation keeps its predictions in the project in which it writes the table.
    task = Task(Path(found), place, Path(out), reviewer, references, Path(found).absolute().parent.parent / FOLDS)
    with door, open_review(task) as session:
        bound, token = door.getsockname()[1], secrets.token_urlsafe(32)
        app = AccessGuard(application(session, page_files(VIEWER)), bound, token)
        config = uvicorn.Config(
            app, log_config=None, log_level="error", server_header=False, ws="none", timeout_graceful_shutdown=30
        )
        click.echo(f"{len(session.rows)} patients to review; open http://{HOST}:{bound}/?token={token}")
        click.echo(f"decisions are kept in {out}; stop with ctrl-C")
        _serve(uvicorn.Server(config), door)


def _serve(server: uvicorn.Server, door: socket.socket) -> None:
    """Serve until a signal comes; uvicorn handles the others, and raises them again once it has finished."""
    closed: list[int] = []

    def hang_up(number: int, frame: FrameType | None) -> None:
        closed.append(number)
        server.should_exit = True

    before = signal.getsignal(signal.SIGHUP)
    if before != signal.SIG_IGN:  # as `nohup` sets it
        signal.signal(signal.SIGHUP, hang_up)
    server.run(sockets=[door])
    signal.signal(signal.SIGHUP, before)
    if closed:
        signal.raise_signal(signal.SIGHUP)
