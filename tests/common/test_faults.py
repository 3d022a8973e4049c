"""Which errors are transient, tested with the actual exceptions of the libraries that talk to servers."""

from __future__ import annotations

import asyncio
import errno
import pickle
import socket
import ssl
from concurrent import futures
from unittest import mock

import aiohttp
import google.auth.exceptions
import pytest
import requests
import urllib3
from dvc.exceptions import DvcException
from gcsfs.retry import HttpError
from google.api_core import exceptions as google_errors

from components.common.errors import TransientError, UserError
from components.common.faults import is_transient
from components.registry.git import GitError, RemoteAwayError

KEY = mock.Mock(ssl=False, host="h", port=443)


def connection_refused():
    return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


def wrapped_by_requests(inner):
    """The error as requests wraps it: an argument of an argument of an argument."""
    pool = urllib3.HTTPSConnectionPool("h")
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", inner))


def with_cause(error, cause):
    error.__cause__ = cause
    return error


TRANSIENT = {
    "refused": connection_refused(),
    "reset": ConnectionResetError(errno.ECONNRESET, "reset"),
    "no route": OSError(errno.EHOSTUNREACH, "No route to host"),
    "no network": OSError(errno.ENETUNREACH, "Network is unreachable"),
    "timed out": TimeoutError(errno.ETIMEDOUT, "timed out"),
    "timed out in asyncio": asyncio.TimeoutError(),
    "timed out in a pool": futures.TimeoutError(),
    "names' server away": socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "requests": wrapped_by_requests(urllib3.exceptions.ProtocolError("Connection aborted.", connection_refused())),
    "requests, too late": requests.ReadTimeout("slow"),
    "aiohttp": aiohttp.ClientConnectorError(KEY, connection_refused()),
    "aiohttp, of several addresses": aiohttp.ClientConnectorError(KEY, OSError("Multiple exceptions: ...")),
    "aiohttp, hung up": aiohttp.ServerDisconnectedError(),
    "aiohttp, cut short": aiohttp.ClientPayloadError("incomplete"),
    "bucket, 503": HttpError({"code": 503, "message": "busy"}),
    "bucket, 429": HttpError({"code": "429", "message": "busy"}),
    "bucket, 502": requests.exceptions.ProxyError(),
    "client library, 503": google_errors.ServiceUnavailable("busy"),
    "client library, 429": google_errors.TooManyRequests("busy"),
    "metadata server": google.auth.exceptions.TransportError("away"),
    "token": google.auth.exceptions.RefreshError("busy", retryable=True),
    "told": TransientError("x"),
    "told in other words": with_cause(UserError("tags can't be fetched"), RemoteAwayError("git fetch: ...")),
    "told by DVC": with_cause(DvcException("failed"), aiohttp.ClientConnectorError(KEY, connection_refused())),
    "sent by another process": pickle.loads(pickle.dumps(TransientError("x"))),
}
PERMANENT = {
    "refused by glioflow": UserError("x"),
    "refused by Git": GitError("x"),
    "no file": FileNotFoundError(errno.ENOENT, "x"),
    "no permission": PermissionError(errno.EACCES, "x"),
    "disk full": OSError(errno.ENOSPC, "x"),
    "pipe closed": BrokenPipeError(errno.EPIPE, "x"),
    "no such host": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "no such host, in requests": wrapped_by_requests(socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
    "certificate": wrapped_by_requests(ssl.SSLCertVerificationError("self-signed certificate")),
    "bucket, 401": HttpError({"code": 401, "message": "Anonymous caller"}),
    "bucket, 403": OSError("Forbidden: b/x"),
    "client library, 403": google_errors.Forbidden("x"),
    "no account": google.auth.exceptions.DefaultCredentialsError("x"),
    "token": google.auth.exceptions.RefreshError("invalid_grant"),
    "a bug": ValueError("503"),
    "nothing": None,
}


@pytest.mark.parametrize("name", TRANSIENT)
def test_errors_that_may_pass_by_themselves_are_transient(name):
    assert is_transient(TRANSIENT[name])


@pytest.mark.parametrize("name", PERMANENT)
def test_errors_that_a_retry_would_repeat_are_not_transient(name):
    assert not is_transient(PERMANENT[name])


def raise_replacement():
    try:
        raise connection_refused()
    except ConnectionError:
        raise UserError("no server: choose another") from None


def test_a_suppressed_cause_does_not_count():
    with pytest.raises(UserError) as error_info:
        raise_replacement()
    assert not is_transient(error_info.value)


def broken_handler():
    try:
        raise connection_refused()
    except ConnectionError:
        {}["address"]


def test_a_bug_in_an_error_handler_is_not_transient():
    with pytest.raises(KeyError) as error_info:
        broken_handler()
    assert not is_transient(error_info.value)


def test_a_cycle_of_causes_ends():
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert not is_transient(one)
