"""`glioflow serve` before its model is there: what probes hear, and that it can be stopped, even as the first process.

A file of the model is a pipe, so that reading it takes as long as a test wants.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress

import psutil
import pytest
from conftest import ROOT
from served import COMMAND, JSON, PREDICT

from components.common.layout import LAYERED, LITERT

NETWORK = LITERT["classifier"]
FIRST = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child"]  # the command is the first process there


@pytest.fixture
def model(tmp_path):
    shutil.copytree(ROOT / "reference", tmp_path / "model")
    return tmp_path / "model"


def slow(path):
    """Make a pipe of a file; returns what the file held."""
    data = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    return data


@contextmanager
def started(model, *before):
    """A server that has not told its address, and the port that it was given."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    command = [*before, COMMAND, "serve", "--model", model, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, port
        finally:
            with suppress(psutil.NoSuchProcess):
                for each in psutil.Process(process.pid).children():  # of unshare, which isn't asked
                    each.kill()
            process.kill()


def asked(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, JSON)
    with connection.getresponse() as response:
        found = response.status, json.load(response), response.headers.get("Retry-After")
    connection.close()
    return found


def test_it_is_alive_at_once_and_ready_when_it_can_predict(model):
    data = slow(model / NETWORK)
    with started(model) as (process, port):
        with (model / NETWORK).open("wb") as pipe:  # waits for the server to read it
            assert asked(port, "GET", "/v2/health/live") == (200, {"live": True}, None)
            assert asked(port, "GET", "/v2/health/ready") == (503, {"ready": False}, None)
            assert asked(port, "GET", "/v1/models/layered") == (503, {"name": "layered", "ready": False}, None)
            status, answer, again = asked(port, "POST", PREDICT, b"{}")
            assert (status, again) == (503, "1")
            assert "still being loaded" in answer["error"]
            pipe.write(data)
        assert process.stdout.readline().startswith("serving on ")
        assert asked(port, "GET", "/v2/health/ready") == (200, {"ready": True}, None)
        assert asked(port, "GET", "/v1/models/layered") == (200, {"name": "layered", "ready": True}, None)
        process.terminate()
        assert process.wait() == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("file", [LAYERED, NETWORK], ids=["while it looks for a model", "while it loads one"])
def test_it_can_be_stopped_before_it_serves(model, file, end):
    if subprocess.run([*FIRST, "true"], capture_output=True).returncode:
        pytest.skip("no processes of one's own can be numbered here: unshare --pid fails")
    slow(model / file)
    with started(model, *FIRST) as (process, _), (model / file).open("wb"):  # it reads, and gets nothing
        (server,) = psutil.Process(process.pid).children()
        server.send_signal(end)
        assert process.wait(timeout=20) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_a_model_that_can_not_be_loaded_ends_it_with_one_line(model):
    (model / NETWORK).write_bytes(b"no network")
    with started(model) as (process, _):
        assert process.wait() == 2
        assert process.stdout.read() == ""
        (line,) = process.stderr.read().splitlines()
        assert line.startswith(f"glioflow: {model / NETWORK}: damaged, not a LiteRT file")
