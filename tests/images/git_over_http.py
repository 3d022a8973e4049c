"""A Git server over HTTP with Git's own http-backend: one user may read, one may also write, others get no access."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

READER, WRITER = ("reader", "may-read"), ("writer", "may-write")


class Handler(BaseHTTPRequestHandler):
    """Passes authenticated requests to http-backend, as a web server does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer a request."""
        path, _, query = self.path.partition("?")
        user = self._user()
        writes = "git-receive-pack" in self.path
        if user is None or (writes and user != WRITER[0]):
            self.server.refused.append((self.path, user))
            self.send_response(401 if user is None else 403)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self._body()
        variables = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": user,
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        result = subprocess.run(["git", "http-backend"], input=body, env=variables, capture_output=True)
        head, _, content = result.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def _user(self):
        kind, _, code = self.headers.get("Authorization", "").partition(" ")
        pair = tuple(base64.b64decode(code).decode().split(":", 1)) if kind == "Basic" else None
        return pair[0] if pair in (READER, WRITER) else None

    def _body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_):
        """Log nothing."""


@contextmanager
def serving(root):
    """Yield a server of the bare repositories in a folder, which records what it `refused` to whom, and its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.root, server.refused = root, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def credentials(address, pair):
    """Return the content of the file that Git's `store` helper reads."""
    return address.replace("://", f"://{pair[0]}:{pair[1]}@") + "\n"
