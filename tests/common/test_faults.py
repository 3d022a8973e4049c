"""Which errors may pass by themselves: the very exceptions of the libraries that talk to servers."""

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

from components.common.errors import PassingError, UserError
from components.common.faults import is_passing
from components.registry.git import GitError, RemoteAwayError

KEY = mock.Mock(ssl=False, host="h", port=443)


def refused():
    return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


def within(inner):
    """The error as requests hides it: an argument of an argument of an argument."""
    pool = urllib3.HTTPSConnectionPool("h")
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", inner))


def caused(error, cause):
    error.__cause__ = cause
    return error


PASSING = {
    "refused": refused(),
    "reset": ConnectionResetError(errno.ECONNRESET, "reset"),
    "no route": OSError(errno.EHOSTUNREACH, "No route to host"),
    "no network": OSError(errno.ENETUNREACH, "Network is unreachable"),
    "timed out": TimeoutError(errno.ETIMEDOUT, "timed out"),
    "timed out in asyncio": asyncio.TimeoutError(),
    "timed out in a pool": futures.TimeoutError(),
    "names' server away": socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "requests": within(urllib3.exceptions.ProtocolError("Connection aborted.", refused())),
    "requests, too late": requests.ReadTimeout("slow"),
    "aiohttp": aiohttp.ClientConnectorError(KEY, refused()),
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
    "told": PassingError("x"),
    "told in other words": caused(UserError("tags can't be fetched"), RemoteAwayError("git fetch: ...")),
    "told by DVC": caused(DvcException("failed"), aiohttp.ClientConnectorError(KEY, refused())),
    "sent by another process": pickle.loads(pickle.dumps(PassingError("x"))),
}
LASTING = {
    "refused by glioflow": UserError("x"),
    "refused by Git": GitError("x"),
    "no file": FileNotFoundError(errno.ENOENT, "x"),
    "no permission": PermissionError(errno.EACCES, "x"),
    "disk full": OSError(errno.ENOSPC, "x"),
    "pipe closed": BrokenPipeError(errno.EPIPE, "x"),
    "no such host": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "no such host, in requests": within(socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
    "certificate": within(ssl.SSLCertVerificationError("self-signed certificate")),
    "bucket, 401": HttpError({"code": 401, "message": "Anonymous caller"}),
    "bucket, 403": OSError("Forbidden: b/x"),
    "client library, 403": google_errors.Forbidden("x"),
    "no account": google.auth.exceptions.DefaultCredentialsError("x"),
    "token": google.auth.exceptions.RefreshError("invalid_grant"),
    "a bug": ValueError("503"),
    "nothing": None,
}


@pytest.mark.parametrize("name", PASSING)
def test_a_server_that_is_away_may_pass(name):
    assert is_passing(PASSING[name])


@pytest.mark.parametrize("name", LASTING)
def test_what_another_try_would_meet_again_does_not(name):
    assert not is_passing(LASTING[name])


def dealt_with():
    try:
        raise refused()
    except ConnectionError:
        raise UserError("no server: choose another") from None


def test_an_error_that_was_dealt_with_does_not_count():
    with pytest.raises(UserError) as told:
        dealt_with()
    assert not is_passing(told.value)


def broken_handler():
    try:
        raise refused()
    except ConnectionError:
        {}["address"]


def test_a_bug_in_the_handling_of_a_fault_stays_a_bug():
    with pytest.raises(KeyError) as told:
        broken_handler()
    assert not is_passing(told.value)


def test_errors_that_name_each_other_end():
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert not is_passing(one)
