"""How much load can `glioflow serve` take? `make bench-serve MODEL=DIR`.

Sixteen users, each sending one request after the other for a minute: a synthetic slice of 256 x 256 pixels as PNG.
Prints requests per second, median and 99th-percentile latency, and the number of failed requests.
"""

from __future__ import annotations

import base64
import http.client
import io
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import click
import numpy as np
from PIL import Image


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


def ask(address: str, body: bytes, end: float) -> list[tuple[int, float]]:
    """One user, until the end: status and seconds of each request."""
    connection, answers = http.client.HTTPConnection(address), []
    while (start := time.monotonic()) < end:
        connection.request("POST", "/v1/models/layered:predict", body, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            response.read()
        answers.append((response.status, time.monotonic() - start))
    connection.close()
    return answers


@click.command(help=__doc__)
@click.option("--model", required=True)
@click.option("--users", default=16, show_default=True)
@click.option("--seconds", default=60, show_default=True)
def main(model: str, users: int, seconds: int) -> None:
    """Start the server, put it under load, and print throughput and latency."""
    command = [Path(sys.executable).with_name("glioflow"), "serve", "--model", model, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline().strip()  # serving on http://127.0.0.1:PORT/...
        if not line:
            sys.exit(1)
        print(line, flush=True)
        try:
            address, body, end = line.split("/")[2], request(), time.monotonic() + seconds
            with ThreadPoolExecutor(users) as pool:
                answers = list(chain.from_iterable(pool.map(lambda _: ask(address, body, end), range(users))))
        finally:
            server.terminate()
    times = np.array([took for _, took in answers]) * 1000
    failed = sum(status != 200 for status, _ in answers)
    middle, slow = np.percentile(times, [50, 99])
    print(f"{len(answers)} requests, {len(answers) / seconds:.0f} requests/s, {failed} failed;", end=" ")
    print(f"median {middle:.0f} ms, 99 of 100 within {slow:.0f} ms")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
