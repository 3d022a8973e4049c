"""Start `glioflow serve` and send requests to it."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

PREDICT = "/v1/models/layered:predict"
LIMIT_MB = 1
COMMAND = Path(sys.executable).with_name("glioflow")
JSON = {"Content-Type": "application/json"}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Server:
    """A running server, and requests to it."""

    def __init__(self, process):
        self.process = process
        self.port = int(process.stdout.readline().split("127.0.0.1:")[1].split("/")[0])

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method, path, body=None, headers=JSON):
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def predict(self, instances, **more):
        status, body = self.ask("POST", PREDICT, json.dumps({"instances": instances, **more}))
        return status, json.loads(body)

    def begin_prediction(self, length):
        """Open a connection on which the server is waiting for the body of a prediction request."""
        connection = self.connect()
        connection.putrequest("POST", PREDICT)
        for name, value in {**JSON, "Content-Length": str(length), "Expect": "100-continue"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.sock.recv(len(CONTINUE), socket.MSG_WAITALL) == CONTINUE
        return connection


def png(image):
    """An image as an instance of a request."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return {"b64": base64.b64encode(file.getvalue()).decode()}


@contextmanager
def serving(model, log, *flags, program=(COMMAND, "serve")):
    """Start a server on a free port; at the end, it must stop cleanly on SIGTERM."""
    command = [*program, "--model", str(model), "--port", "0", *flags]
    with (
        log.open("w") as stderr_file,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr_file, text=True) as process,
    ):
        try:
            yield Server(process)
        finally:
            process.terminate()
    assert process.returncode == 0
    assert "Traceback" not in log.read_text(encoding="utf-8")
