"""Starts prediction servers in containers, sends them requests like probes, and stops them like a kubelet."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from engine import PODMAN, command, environment

LIVE, READY = "/v2/health/live", "/v2/health/ready"


@contextmanager
def serving(image, *words, flags):
    """Start a server in a container on a free port; yield its process, its name and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    name = f"glioflow-tested-{port}"
    line = command(image, *words, "--port", port, flags=["--name", name, *flags])
    with subprocess.Popen(line, env=environment(), stderr=subprocess.PIPE) as process:
        try:
            yield process, name, f"http://127.0.0.1:{port}"
        finally:
            subprocess.run([*PODMAN, "kill", name], env=environment(), capture_output=True)


def ask(address, body=None):
    """Return status and content of an answer, after waiting until the server listens."""
    end = time.monotonic() + 120
    http_request = urllib.request.Request(
        address, body and json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    while True:
        try:
            with urllib.request.urlopen(http_request) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except urllib.error.URLError:
            assert time.monotonic() < end


def poll_ready(address, path=READY):
    """Return the first answer to a readiness probe that isn't 503."""
    while (found := ask(f"{address}{path}"))[0] == 503:
        pass
    return found


def stop_container(name):
    """Stop a container as Kubernetes does, with 30 s between SIGTERM and SIGKILL; return the time of SIGTERM."""
    began = time.monotonic()
    subprocess.run([*PODMAN, "stop", "--time", "30", name], env=environment(), capture_output=True)
    return began
