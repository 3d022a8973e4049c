"""Servers of predictions in containers: started, asked as probes ask, stopped as a kubelet stops."""

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
    """A server in a container, on a port that is free here; yields its process, its name and its address."""
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


def answered(address, body=None):
    """Status and content of an answer, asked for until somebody listens."""
    end = time.monotonic() + 120
    asked = urllib.request.Request(address, body and json.dumps(body).encode(), {"Content-Type": "application/json"})
    while True:
        try:
            with urllib.request.urlopen(asked) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except urllib.error.URLError:
            assert time.monotonic() < end


def ready(address, path=READY):
    """The first answer of a readiness probe that isn't 503."""
    while (found := answered(f"{address}{path}"))[0] == 503:
        pass
    return found


def stopped(name):
    """Stop a container as Kubernetes does, with 30 s between SIGTERM and SIGKILL; returns when it was told."""
    began = time.monotonic()
    subprocess.run([*PODMAN, "stop", "--time", "30", name], env=environment(), capture_output=True)
    return began
