"""Who may ask: this machine's own browser, with the token, from the page itself. Nothing leaves the machine."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# The browser itself refuses what the page must not do: scripts and requests of others, frames, forms.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
TOKEN = "token"  # noqa: S105  the name in the address


class AccessGuard:
    """Lets only the page's own requests in.

    The address with the token, which is printed at the start, sets a cookie and leads to the page; all other requests
    need the cookie. Requests for another host (DNS rebinding), from another origin, or without the token get 403.

    Args:
        app: application to protect.
        port: port of the server.
        token: secret of this start of the server.
    """

    def __init__(self, app: App, port: int, token: str) -> None:
        self.app, self.token = app, token
        self.cookie = f"glioflow-review-{port}"  # cookies are shared by all ports of a host
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = {name.lower(): value for name, value in scope["headers"]}
        host = headers.get(b"host", b"").decode("latin-1")
        if host not in self.hosts or not _is_own(headers, host):
            await _answer(send, 403, b"only the page itself may ask this server")
        elif scope["path"] == "/" and scope["method"] == "GET" and self._is_token(_asked(scope)):
            cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            await _answer(send, 303, b"", [(b"set-cookie", cookie.encode()), (b"location", b"/")])
        elif not self._is_token(self._held(headers)):
            await _answer(send, 403, b"open the address that `glioflow review` printed, with its token")
        else:
            await self.app(scope, receive, _with_headers(send))

    def _held(self, headers: dict[bytes, bytes]) -> str:
        try:
            cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return ""
        return cookies[self.cookie].value if self.cookie in cookies else ""

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


def _is_own(headers: dict[bytes, bytes], host: str) -> bool:
    """Return whether a request comes from the page, was typed into the browser, or doesn't come from a browser."""
    own = headers.get(b"origin", f"http://{host}".encode()) == f"http://{host}".encode()
    return own and headers.get(b"sec-fetch-site", b"none") in (b"same-origin", b"none")


def _asked(scope: Message) -> str:
    """The token in an address, "" if there is none."""
    return parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=8).get(TOKEN, [""])[0]


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, reason: bytes, more: Iterable[tuple[bytes, bytes]] = ()) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(reason)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *HEADERS, *more]})
    await send({"type": "http.response.body", "body": reason})
