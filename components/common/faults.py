"""Which errors are transient: unreachable or overloaded servers, networks that are down."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

from components.common.errors import TransientError

EX_TEMPFAIL = 75  # exit status of a transient fault, as in sysexits.h
ERRNOS = {
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETRESET,
    errno.ENETUNREACH,
    errno.ETIMEDOUT,
}
STATUSES = {408, 429, 500, 502, 503, 504}  # of HTTP
# Classes by name, so that none of these libraries is imported only to find out.
CLASSES = {
    "TimeoutError",  # Python 3.10 has three
    "aiohttp.client_exceptions.ClientConnectionError",
    "aiohttp.client_exceptions.ClientPayloadError",
    "gcsfs.retry.ChecksumError",
    "google.api_core.exceptions.RetryError",
    "google.auth.exceptions.TransportError",
    "requests.exceptions.ChunkedEncodingError",
    "requests.exceptions.ConnectionError",
    "requests.exceptions.Timeout",
    "tensorflow.python.framework.errors_impl.AbortedError",
    "tensorflow.python.framework.errors_impl.DeadlineExceededError",
    "tensorflow.python.framework.errors_impl.UnavailableError",
    "urllib3.exceptions.ProtocolError",
}
# An untrusted certificate and an unknown name don't pass by themselves.
LASTING = {"ssl.SSLCertVerificationError", "aiohttp.client_exceptions.ClientConnectorCertificateError"}


def is_transient(error: BaseException | None) -> bool:
    """Return whether an error or one of its causes is transient: may pass by itself."""
    chain = list(_chain(error))
    return not any(_lasts(each) for each in chain) and any(_passes(each) for each in chain)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        # urllib3 and requests keep what went wrong in their errors' arguments, aiohttp in an attribute.
        for inner in (*error.args, getattr(error, "reason", None), getattr(error, "os_error", None)):
            if isinstance(inner, BaseException) and id(inner) not in seen:
                yield from _chain(inner)
        error = error.__cause__  # not its context: an error while a fault is handled is a fault of its own


def _lasts(error: BaseException) -> bool:
    unknown = isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN
    return unknown or not LASTING.isdisjoint(_classes(error))


def _passes(error: BaseException) -> bool:
    if isinstance(error, TransientError) or getattr(error, "retryable", None) is True:  # google.auth has the latter
        return True
    if isinstance(error, OSError) and (error.errno in ERRNOS or isinstance(error, socket.gaierror)):
        return True
    return not STATUSES.isdisjoint(_statuses(error)) or not CLASSES.isdisjoint(_classes(error))


def _statuses(error: BaseException) -> Iterator[int]:
    """HTTP's status: a number, a member of an enumeration or text, depending on the library."""
    for status in (getattr(error, "code", None), getattr(error, "status", None)):
        if isinstance(status, int) or (isinstance(status, str) and status.isdigit()):
            yield int(status)


def _classes(error: BaseException) -> Iterator[str]:
    for kind in type(error).__mro__:
        yield kind.__name__ if kind.__name__ in CLASSES else f"{kind.__module__}.{kind.__name__}"
