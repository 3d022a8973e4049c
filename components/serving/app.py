"""The REST API: paths, limits, and a JSON reason for every refusal."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from components.serving.bodies import check_length, drain, read_body
from components.serving.loading import Loading
from components.serving.requests import RequestError

if TYPE_CHECKING:
    from components.serving.model import LayeredModel

NAME = "layered"
MODEL = f"/v1/models/{NAME}"
PREDICT = f"{MODEL}:predict"
OPEN = f"/v2/models/{NAME}"  # of the Open Inference Protocol
INFER = f"{OPEN}/infer"
# What is answered from the first moment on; below, what shows that the model has been loaded.
LIVENESS = {
    "/": {"status": "alive"},
    "/v1/models": {"models": [NAME]},
    "/v2": {"name": "glioflow", "version": version("glioflow"), "extensions": []},
    "/v2/health/live": {"live": True},
}
READINESS: dict[str, dict[str, Any]] = {MODEL: {"name": NAME}, "/v2/health/ready": {}, f"{OPEN}/ready": {"name": NAME}}
MAX_PENDING = 64  # accepted requests; further ones are answered with 503
CONCURRENCY = 2  # predictions at once; the engine spreads each over all processors
SECONDS = Histogram("request_predict_seconds", "predict request latency", ["model_name"]).labels(NAME)
TOO_LARGE_REMEDY = "send fewer slices at once, as PNG"  # what to do about a body that is too large
Handler = Callable[["LayeredModel"], Callable[[bytearray], bytes]]  # from the model to what answers a body
LOG = logging.getLogger(__name__)


class Predictions:
    """The endpoint that runs the model, in its own threads.

    Args:
        loading: the model, possibly still being loaded.
        limit: maximum size of a body, bytes.
        timeout: maximum time for a body to arrive, seconds.
    """

    def __init__(self, loading: Loading, limit: int, timeout: float) -> None:
        self.loading, self.limit, self.timeout = loading, limit, timeout
        self.slots, self.threads = asyncio.Semaphore(MAX_PENDING), ThreadPoolExecutor(CONCURRENCY)

    async def post(self, request: Request) -> Response:
        """Answer one request; meanwhile the event loop keeps reading others."""
        return await self._post(request, lambda model: model.answer)

    async def infer(self, request: Request) -> Response:
        """Answer one request of the Open Inference Protocol, likewise."""
        return await self._post(request, lambda model: lambda body: model.infer(body, NAME))

    async def _post(self, request: Request, handler: Handler) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" or "content-encoding" in request.headers:
            raise HTTPException(415, "the body has to be application/json, not compressed")
        check_length(request, self.limit, TOO_LARGE_REMEDY)
        if self.loading.model is None:
            raise HTTPException(503, "the model is still being loaded; try again", {"Retry-After": "1"})
        if self.slots.locked():
            raise HTTPException(503, f"{MAX_PENDING} requests are waiting; try again", {"Retry-After": "1"})
        async with self.slots:
            body = await read_body(request, self.limit, self.timeout, TOO_LARGE_REMEDY)
            with SECONDS.time():
                answer = await self._answer(handler(self.loading.model), body)
                return Response(answer, media_type="application/json")

    async def _answer(self, answer: Callable[[bytearray], bytes], body: bytearray) -> bytes:
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, answer, body)
        except RequestError as error:
            raise HTTPException(400, str(error)) from None
        except asyncio.CancelledError:
            raise HTTPException(503, "the server is stopping; try again") from None
        except Exception as error:  # noqa: BLE001  not logged in its own words, which may quote the request
            LOG.error("%s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
            raise HTTPException(500, "the model failed; the server's log says where") from None


def application(loading: Loading, limit: int, timeout: float) -> Starlette:
    """The API of one model; arguments as for `Predictions`."""

    def readiness(content: dict[str, Any]) -> Callable[[Request], JSONResponse]:
        def answer(_: Request) -> JSONResponse:
            ready = loading.model is not None
            return JSONResponse({**content, "ready": ready}, 200 if ready else 503)

        return answer

    def described(_: Request) -> JSONResponse:
        if loading.model is None:
            raise HTTPException(503, "the model is still being loaded; try again", {"Retry-After": "1"})
        return JSONResponse(loading.model.metadata(NAME))

    async def refuse(request: Request, error: HTTPException) -> JSONResponse:
        """Drain the request, then send the reason: a client still sending when the connection closes sees no answer."""
        if error.status_code != 408:
            await drain(request, 8 * limit, timeout)
        reasons = {
            404: f"no such path; there are {', '.join(route.path for route in routes)}",
            405: f"this path takes {(error.headers or {}).get('Allow')}",
        }
        return JSONResponse({"error": reasons.get(error.status_code, error.detail)}, error.status_code, error.headers)

    predictions = Predictions(loading, limit, timeout)
    routes = [
        *(Route(path, JSONResponse(content), methods=["GET"]) for path, content in LIVENESS.items()),
        *(Route(path, readiness(content), methods=["GET"]) for path, content in READINESS.items()),
        Route("/metrics", lambda _: Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)),
        Route(OPEN, described, methods=["GET"]),
        Route(PREDICT, predictions.post, methods=["POST"]),
        Route(INFER, predictions.infer, methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: refuse})
    app.router.redirect_slashes = False
    return app
