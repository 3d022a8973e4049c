"""Bodies of requests: no larger and no slower than allowed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request


async def read_body(request: Request, limit: int, timeout: float, remedy: str) -> bytearray:
    """Read a body of at most `limit` bytes within `timeout` seconds.

    Args:
        remedy: what a client can do about a body that is too large.

    Raises:
        HTTPException: 400, 408 or 413.
    """
    check_length(request, limit, remedy)
    try:
        return await asyncio.wait_for(_all_of(request, limit, remedy), timeout)
    except asyncio.TimeoutError:  # Python 3.10 has two of that name
        raise HTTPException(408, f"the body did not arrive within {timeout:g} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "the body ended early") from None  # the client is gone and never sees this


def check_length(request: Request, limit: int, remedy: str) -> None:
    """Refuse a body by the length it claims; see `read_body`."""
    try:
        length = int(request.headers.get("content-length", 0))
    except ValueError:
        raise HTTPException(400, "Content-Length is not a number") from None
    if length > limit:
        raise _too_large(limit, remedy)


def _too_large(limit: int, remedy: str) -> HTTPException:
    return HTTPException(413, f"the body has more than {limit} bytes; {remedy}")


async def _all_of(request: Request, limit: int, remedy: str) -> bytearray:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit, remedy)
    return body


async def drain(request: Request, left: int, timeout: float) -> None:
    """Read the rest of a refused request: a client still sending when the connection closes sees no answer."""
    if "expect" in request.headers:  # such a client waits before it sends a body
        return
    with suppress(asyncio.TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(_skip(request, left), timeout)


async def _skip(request: Request, left: int) -> None:
    with suppress(ClientDisconnect, RuntimeError):  # RuntimeError: the body has already been read to its end
        async for chunk in request.stream():
            left -= len(chunk)
            if left < 0:
                break
