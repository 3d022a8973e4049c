"""`glioflow` without cold starts: each command is forked from a process that has already imported TFX.

`with warm_server() as (path, log):` yields a PATH with a `glioflow` that delegates to that process. Each command runs
in a process of its own, with the caller's folder, environment and streams; but signals don't reach it, and only one
runs at a time.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from conftest import TEST_PYTHONPATH
from whole_project import BIN

from pipelines.runs import times

CLIENT = """\
#!{python} -IS
import json, os, socket, sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    request = json.dumps({{"words": sys.argv, "folder": os.getcwd(), "variables": dict(os.environ)}}).encode()
    socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(request)
    sys.exit(int(server.makefile().read() or 1))
"""


@contextmanager
def warm_server():
    """Yield a PATH with a warm `glioflow`, and the file that holds what the imports printed."""
    with tempfile.TemporaryDirectory(prefix="glioflow-warm-") as folder:
        address, log = Path(folder, "socket"), Path(folder, "log")
        program = Path(folder, "bin", "glioflow")
        program.parent.mkdir()
        program.write_text(CLIENT.format(python=sys.executable, address=str(address)), encoding="utf-8")
        program.chmod(0o755)
        command = [sys.executable, __file__, address]
        settings = {**os.environ, "PYTHONPATH": TEST_PYTHONPATH}
        with (
            log.open("w") as printed,
            subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=printed) as server,
        ):
            try:
                assert server.stdout.readline() == b"ready\n", log.read_text()
                yield f"{program.parent}:{BIN}:{os.environ['PATH']}", log
            finally:
                server.terminate()


def serve(address):
    """Import everything slow, then fork a process for every requested command."""
    for stage in ("assemble", "convert", "evaluate", "ingest", "push", "report", "train", "validate"):
        import_module(f"pipelines.stages.{stage}")
    from components.evaluate import tfma_config, verdict  # noqa: F401
    from components.train import stage as training_stage  # noqa: F401
    from pipelines import cli, local, training  # noqa: F401

    gc.freeze()  # a collection in a fork would copy the memory that it touches
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while True:
            caller, _ = server.accept()
            child = os.fork()
            if not child:
                server.close()
                take_over(caller)
                cli.main()
            _, status = os.waitpid(child, 0)
            caller.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            caller.close()


def take_over(caller):
    """Take over the caller's streams, folder, environment and arguments."""
    size, streams, _, _ = socket.recv_fds(caller, 8, 3)
    request = json.loads(caller.makefile().read(int.from_bytes(size, "big")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    caller.close()
    times.BEGAN = time.time()  # as a newly started process would have it
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    sys.argv = request["words"]


if __name__ == "__main__":
    from pipelines.processes import quiet

    quiet.silence()
    serve(sys.argv[1])
