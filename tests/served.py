"""A running `glioflow serve`, and what one asks it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

PREDICT = "/v1/models/layered:predict"
LIMIT_MB = 1
COMMAND = Path(sys.executable).with_name("glioflow")
JSON = {"Content-Type": "application/json"}


class Server:
    """A running server, and what one asks it."""

    def __init__(self, process):
        self.process = process
        self.port = int(process.stdout.readline().split("127.0.0.1:")[1].split("/")[0])

    def ask(self, method, path, body=None, headers=JSON):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def predict(self, instances, **more):
        status, body = self.ask("POST", PREDICT, json.dumps({"instances": instances, **more}))
        return status, json.loads(body)


@contextmanager
def serving(model, log):
    """Start a server on a free port; at the end it is told to stop, and has to."""
    flags = ["--model", str(model), "--port", "0", "--limit", str(LIMIT_MB)]
    with (
        log.open("w") as noise,
        subprocess.Popen([COMMAND, "serve", *flags], stdout=subprocess.PIPE, stderr=noise, text=True) as process,
    ):
        try:
            yield Server(process)
        finally:
            process.terminate()
    assert process.returncode == 0
    assert "Traceback" not in log.read_text(encoding="utf-8")
