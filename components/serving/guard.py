"""What a request must be before anything reads it: its path, its type, its size."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


PATIENCE = 8  # times the limit of a body are read of one that is refused


class TooLargeError(Exception):
    """A body that goes on after its limit."""


class Guard:
    """ASGI middleware that lets through what the server is for, and answers the rest with 4xx.

    KServe has more doors than that: anybody could unload the model by its repository's.

    Args:
        app: what is guarded.
        paths: path to the method that it takes.
        limit: of a body, bytes.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], paths: dict[str, str], limit: int) -> None:
        self.app, self.paths, self.limit = app, paths, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal:
            await self._discard(receive)
            await _answer(send, *refusal)
            return
        # With the headers of a CloudEvent KServe would look for one, and fail where there is none.
        scope["headers"] = [pair for pair in scope["headers"] if not pair[0].lower().startswith(b"ce-")]
        started, seen, more = False, 0, True

        async def limited() -> MutableMapping[str, Any]:
            nonlocal seen, more
            message = await receive()
            seen, more = seen + len(message.get("body", b"")), message.get("more_body", False)
            if seen > self.limit:
                raise TooLargeError
            return message

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, limited, watched)
        except TooLargeError:
            if not started:
                if more:  # else there is nothing to wait for
                    await self._discard(receive)
                await _answer(send, 413, self._too_large())

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Status and reason, where the request is refused by its head."""
        method = self.paths.get(scope["path"])
        if method is None:
            return 404, f"no such path; there are {', '.join(self.paths)}"
        if scope["method"] != method:
            return 405, f"this path takes {method}"
        if method == "POST":
            if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                return 415, "the body has to be application/json"
            length = headers.get("content-length", "0")
            if length.isdigit() and int(length) > self.limit:
                return 413, self._too_large()
        return None

    async def _discard(self, receive: Receive) -> None:
        """Read on for a while: who is still sending when the connection closes never sees the answer."""
        left, more = PATIENCE * self.limit, True
        while more and left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)

    def _too_large(self) -> str:
        return f"the body has more than {self.limit} bytes; send fewer slices at once, as PNG"


async def _answer(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
