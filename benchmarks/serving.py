"""How much does `glioflow serve` bear? `make bench-serve MODEL=DIR`.

Sixteen users, each sending one request after the other for a minute: a synthetic slice of 256 x 256 pixels as PNG.
Prints requests a second, the times of the middle one and of the slowest in a hundred, and what failed.
"""

from __future__ import annotations

import base64
import io
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
LOCUST = ROOT / ".venv-serving" / "bin" / "locust"
SCENARIO = '''
from locust import FastHttpUser, task

BODY = open({body!r}, "rb").read()


class Reader(FastHttpUser):
    """Waits for each answer, then asks again."""

    @task
    def predict(self):
        """One slice."""
        self.client.post("/v1/models/layered:predict", data=BODY, headers={{"Content-Type": "application/json"}})
'''


def request() -> bytes:
    """A slice of the demo as a request."""
    from components.sources.demo import write_demo
    from components.sources.inputs import open_input
    from components.sources.reading import Options

    with tempfile.TemporaryDirectory() as folder:
        write_demo(Path(folder) / "demo", patients=4, slices=8, size=256, seed=1)
        with open_input(f"{folder}/demo") as source:
            scan = source.read(source.patients[0], Options(), masks=False).scan
    assert scan is not None
    file = io.BytesIO()
    Image.fromarray(np.asarray(scan.image[4])).save(file, "PNG")
    return f'{{"instances": [{{"b64": "{base64.b64encode(file.getvalue()).decode()}"}}]}}'.encode()


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@click.command(help=__doc__)
@click.option("--model", required=True)
@click.option("--users", default=16, show_default=True)
@click.option("--seconds", default=60, show_default=True)
def main(model: str, users: int, seconds: int) -> None:
    """Start the server, load it, print the table."""
    port = free_port()
    command = [Path(sys.executable).with_name("glioflow"), "serve", "--model", model, "--port", str(port)]
    with tempfile.TemporaryDirectory() as name, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        folder = Path(name)
        (folder / "body.json").write_bytes(request())
        (folder / "load.py").write_text(SCENARIO.format(body=str(folder / "body.json")))
        assert server.stdout is not None
        said = server.stdout.readline().strip()
        if not said:
            sys.exit(1)
        print(said, flush=True)
        flags = ["--headless", "--only-summary", "-u", str(users), "-r", str(users), "-t", f"{seconds}s", "-L", "ERROR"]
        address = f"http://127.0.0.1:{port}"
        load = subprocess.run([LOCUST, "-f", folder / "load.py", "-H", address, *flags], check=False)
        server.terminate()
    sys.exit(load.returncode)


if __name__ == "__main__":
    main()
