"""The paths of the page's server: the page's files, the list, one patient's layers, drafts and decisions.

A patient is a number in the list, a layer and a file are keys of a table: nothing of a request becomes a path.
"""

from __future__ import annotations

import logging
import math
import traceback
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from components.common.errors import UserError
from components.common.system import DiskFullError
from components.review import deciding, patient_layers
from components.review.mask_checks import largest
from components.review.review_errors import ReviewError
from components.review.session import Session
from components.serving.bodies import drain, read_body

BODY_TIMEOUT = 60.0  # seconds for a body to arrive
DRAINED = 1 << 28  # bytes that are read of a refused request
PAGE = Path(__file__).parent / "page"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
VIEWER = "niivue.js"
LOG = logging.getLogger(__name__)
Files = dict[str, tuple[bytes, str]]


def page_files(viewer: Path) -> Files:
    """Contents and type of every file that the page consists of, by name.

    Args:
        viewer: file of NiiVue.
    """
    files = {path.name: (path.read_bytes(), KINDS[path.suffix]) for path in PAGE.iterdir() if path.suffix in KINDS}
    return {**files, VIEWER: (viewer.read_bytes(), KINDS[".js"])}


class Routes:
    """Handlers of all paths. What reads or writes a scan runs in a thread, so that other requests don't wait.

    Args:
        session: the review.
        files: see `page_files`.
    """

    def __init__(self, session: Session, files: Files) -> None:
        self.session, self.files = session, files

    async def page(self, request: Request) -> Response:
        """A file of the page."""
        content, kind = self.files.get(request.path_params.get("name", "index.html"), (b"", ""))
        if not kind:
            raise HTTPException(404, "no such file")
        return Response(content, media_type=kind)

    async def list(self, _: Request) -> Response:
        """The list of patients."""
        return JSONResponse(await run_in_threadpool(self.session.list))

    async def details(self, request: Request) -> Response:
        """What the page has to know of one patient; the reviewer is there from now on."""
        number = _number(request)
        found = await run_in_threadpool(patient_layers.details, self.session, number)
        await run_in_threadpool(self.session.go_to, number)
        return JSONResponse(found)

    async def layer(self, request: Request) -> Response:
        """A volume of one patient, as NIfTI."""
        content = await run_in_threadpool(
            patient_layers.layer, self.session, _number(request), request.path_params["name"]
        )
        return Response(content, media_type="application/octet-stream")

    async def draft(self, request: Request) -> Response:
        """Keep or drop what is drawn."""
        number = _number(request)
        if request.method == "DELETE":
            await run_in_threadpool(deciding.drop_draft, self.session, number)
        else:
            body = await self._mask(request, number)
            await run_in_threadpool(deciding.keep_draft, self.session, number, body, _asked(request, "scan"))
        return JSONResponse({"draft": request.method != "DELETE"})

    async def decide(self, request: Request) -> Response:
        """Keep a decision."""
        number, base, seconds = _number(request), int(_finite(request, "base")), _finite(request, "seconds")
        body = await self._mask(request, number) if "content-type" in request.headers else b""
        made = await run_in_threadpool(
            deciding.decide,
            self.session,
            number,
            request.path_params["decision"],
            scan=_asked(request, "scan"),
            base=base,
            seconds=seconds,
            reason=_asked(request, "reason"),
            body=body,
        )
        return JSONResponse(made)

    async def _mask(self, request: Request, number: int) -> bytearray:
        if request.headers.get("content-type") != "application/octet-stream":
            raise HTTPException(415, "a mask is sent as application/octet-stream")
        seen = await run_in_threadpool(self.session.open, number)
        return await read_body(request, largest(seen.geometry), BODY_TIMEOUT, "nothing was saved")


def application(session: Session, files: Files) -> Starlette:
    """Return the application, without its access guard; arguments as for `Routes`."""
    to, patient = Routes(session, files), "/patients/{number}"
    routes = [
        Route("/", to.page, methods=["GET"]),
        Route("/page/{name}", to.page, methods=["GET"]),
        Route("/patients", to.list, methods=["GET"]),
        Route(patient, to.details, methods=["GET"]),
        Route(f"{patient}/layers/{{name}}", to.layer, methods=["GET"]),
        Route(f"{patient}/draft", to.draft, methods=["PUT", "DELETE"]),
        Route(f"{patient}/decisions/{{decision}}", to.decide, methods=["POST"]),
    ]
    handlers = {HTTPException: _refuse, ReviewError: _refuse, UserError: _refuse, Exception: _fail}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer with the reason, after reading what is still being sent."""
    if isinstance(error, HTTPException):
        status, reason, headers = error.status_code, str(error.detail), dict(error.headers or {})
    else:
        full = 507 if isinstance(error, DiskFullError) else 503
        status, reason, headers = getattr(error, "status", full), str(error), {}
    await drain(request, DRAINED, BODY_TIMEOUT)
    return JSONResponse({"error": reason}, status, headers)


async def _fail(_: Request, error: Exception) -> Response:
    """Log where the code failed, without the error's own words, which may quote a patient."""
    LOG.error("%s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    return JSONResponse({"error": "the server failed; its log says where. Nothing was saved"}, 500)


def _number(request: Request) -> int:
    text = request.path_params["number"]
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise HTTPException(404, "the patient has to be a number from the list")
    return int(text)


def _asked(request: Request, name: str) -> str:
    return request.query_params.get(name, "")


def _finite(request: Request, name: str) -> float:
    try:
        value = float(_asked(request, name))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise HTTPException(400, f"{name} has to be a number")
    return value
