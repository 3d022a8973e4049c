"""`glioflow serve` while its model is loading: what health probes get, and that it can be stopped, even as PID 1.

One file of the model is a named pipe, so reading it takes as long as a test needs.
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
from serve_client import COMMAND, JSON, PREDICT

from components.common.layout import LAYERED, LITERT

NETWORK = LITERT["classifier"]
AS_PID_1 = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child"]  # the command becomes PID 1


@pytest.fixture
def model(tmp_path):
    shutil.copytree(ROOT / "reference", tmp_path / "model")
    return tmp_path / "model"


def replace_with_pipe(path):
    """Replace a file with a named pipe; returns the content of the file."""
    data = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    return data


@contextmanager
def start_server(model, *before):
    """Start a server; yields its process, before it has printed its address, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [*before, COMMAND, "serve", "--model", model, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, port
        finally:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children():  # the server, if unshare started it
                    child.kill()
            process.kill()


def send_request(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, JSON)
    with connection.getresponse() as response:
        result = response.status, json.load(response), response.headers.get("Retry-After")
    connection.close()
    return result


def test_the_server_is_alive_at_once_and_ready_once_it_can_predict(model):
    data = replace_with_pipe(model / NETWORK)
    with start_server(model) as (process, port):
        with (model / NETWORK).open("wb") as pipe:  # blocks until the server opens it for reading
            assert send_request(port, "GET", "/v2/health/live") == (200, {"live": True}, None)
            assert send_request(port, "GET", "/v2/health/ready") == (503, {"ready": False}, None)
            assert send_request(port, "GET", "/v1/models/layered") == (503, {"name": "layered", "ready": False}, None)
            status, answer, retry_after = send_request(port, "POST", PREDICT, b"{}")
            assert (status, retry_after) == (503, "1")
            assert "still being loaded" in answer["error"]
            pipe.write(data)
        assert process.stdout.readline().startswith("serving on ")
        assert send_request(port, "GET", "/v2/health/ready") == (200, {"ready": True}, None)
        assert send_request(port, "GET", "/v1/models/layered") == (200, {"name": "layered", "ready": True}, None)
        process.terminate()
        assert process.wait() == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("file", [LAYERED, NETWORK], ids=["while it looks for a model", "while it loads one"])
def test_the_server_can_be_stopped_before_it_serves(model, file, stop_signal):
    if subprocess.run([*AS_PID_1, "true"], capture_output=True).returncode:
        pytest.skip("no processes of one's own can be numbered here: unshare --pid fails")
    replace_with_pipe(model / file)
    with start_server(model, *AS_PID_1) as (process, _), (model / file).open("wb"):  # it blocks on reading
        (server,) = psutil.Process(process.pid).children()
        server.send_signal(stop_signal)
        assert process.wait(timeout=20) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_an_unloadable_model_ends_the_server_with_one_line(model):
    (model / NETWORK).write_bytes(b"no network")
    with start_server(model) as (process, _):
        assert process.wait() == 2
        assert process.stdout.read() == ""
        (line,) = process.stderr.read().splitlines()
        assert line.startswith(f"glioflow: {model / NETWORK}: damaged, not a LiteRT file")
